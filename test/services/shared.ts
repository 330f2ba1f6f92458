/**
 * The servers that a whole test run shares: started by the first test that asks, kept by the run's main process (see
 * global-setup.ts), which the test files' processes ask over loopback HTTP; ended with the run. Outside a test run they
 * belong to the process that asks, until it calls `endServers`. An address given in the environment comes first.
 */
import { startInflux1 } from './influx1.ts';
import { startKafka } from './kafka.ts';
import { startVictoriaMetrics } from './victoria-metrics.ts';

/** Where the run's main process answers; set by global-setup.ts. */
export const registryVariable = 'MS_TEST_SERVICES';

const starters = {
  kafka: async () => ({ brokers: (await startKafka()).brokers }),
  influx1: async () => ({ url: (await startInflux1()).url }),
  victoriametrics: async () => ({ url: (await startVictoriaMetrics()).url }),
};

export type SharedName = keyof typeof starters;

const started = new Map<SharedName, Promise<unknown>>();

/** Apache Kafka, one node. Use topics and groups with names of your own. */
export async function sharedKafka(): Promise<{ brokers: string[] }> {
  const given = process.env.MS_TEST_KAFKA_BROKERS;
  if (given) return { brokers: given.split(',').map((broker) => broker.trim()) };
  return shared('kafka') as Promise<{ brokers: string[] }>;
}

/** InfluxDB 1.x. Use databases with names of your own. */
export async function sharedInflux1(): Promise<{ url: string }> {
  return given('MS_TEST_INFLUX_URL') ?? (shared('influx1') as Promise<{ url: string }>);
}

/** VictoriaMetrics, single node. It has no databases: use measurement names or tags of your own. */
export async function sharedVictoriaMetrics(): Promise<{ url: string }> {
  return given('MS_TEST_VICTORIAMETRICS_URL') ?? (shared('victoriametrics') as Promise<{ url: string }>);
}

let saidNoInflux2 = false;

/**
 * A real InfluxDB 2.x, if the environment names one: the stand-in's tests then run against it too. Where it names none, the
 * tests of Flux are not registered; each file that has some says so.
 */
export function givenInflux2(): { url: string; token: string; org: string } | undefined {
  const url = given('MS_TEST_INFLUX2_URL')?.url;
  const { MS_TEST_INFLUX2_TOKEN: token = '', MS_TEST_INFLUX2_ORG: org = '' } = process.env;
  if (url !== undefined) return { url, token, org };
  if (!saidNoInflux2) process.stderr.write('NOT TESTED, on a real InfluxDB 2.x: MS_TEST_INFLUX2_URL names none\n');
  saidNoInflux2 = true;
  return undefined;
}

/** Starts a shared server in this process, once; for the registry. */
export function startShared(name: SharedName): Promise<unknown> {
  const before = started.get(name);
  if (before !== undefined) return before;
  const now = starters[name]();
  started.set(name, now);
  return now;
}

export function isSharedName(name: string): name is SharedName {
  return Object.hasOwn(starters, name);
}

function given(variable: string): { url: string } | undefined {
  const url = process.env[variable];
  return url ? { url: url.replace(/\/+$/, '') } : undefined;
}

async function shared(name: SharedName): Promise<unknown> {
  const registry = process.env[registryVariable];
  if (registry === undefined) return startShared(name);
  const response = await fetch(`${registry}/${name}`);
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}
