/** Whether the servers and tools that a test file needs can be had here; says loudly why not, so that no skip is silent. */
import { debianProgram } from './debian.ts';
import { flinkLibs } from './flink.ts';
import { influx1Program } from './influx1.ts';
import { javaCommand, jdkCommand } from './java.ts';
import { kafkaClassPath } from './kafka-jars.ts';
import { haproxyProgram, nginxProgram } from './proxies.ts';
import { vmalertProgram } from './vmalert.ts';

const kafka = () => Promise.all([javaCommand(), kafkaClassPath()]);
const victoriametrics = () => debianProgram({ name: 'victoria-metrics', pkg: 'victoria-metrics' });

/** Brings each (downloading at the first time), starts nothing. */
const needs = {
  /** An instance of one's own; also `javaPartitions`, `readTopic`, `kafkaAdmin`. */
  kafka: async () => Promise.all([kafka(), jdkCommand('javac')]),
  kafkaTls: async () => Promise.all([kafka(), jdkCommand('keytool')]),
  kcat: () => debianProgram({ name: 'kcat', pkg: 'kcat' }),
  curl: () => debianProgram({ name: 'curl', pkg: 'curl' }),
  openssl: () => debianProgram({ name: 'openssl', pkg: 'openssl' }),
  flink: () => Promise.all([javaCommand(), jdkCommand('javac'), flinkLibs()]),
  influx1: influx1Program,
  victoriametrics,
  vmalert: vmalertProgram,
  nginx: nginxProgram,
  haproxy: haproxyProgram,
  sharedKafka: async () => process.env.MS_TEST_KAFKA_BROKERS ?? kafka(),
  sharedInflux1: async () => process.env.MS_TEST_INFLUX_URL ?? influx1Program(),
  sharedVictoriaMetrics: async () => process.env.MS_TEST_VICTORIAMETRICS_URL ?? victoriametrics(),
};

export type Need = keyof typeof needs;

/** For `describe.runIf(await available(…))`. Prints the reason when something is missing. */
export async function available(...names: Need[]): Promise<boolean> {
  const reasons = await Promise.all(names.map(whyMissing));
  const missing = reasons.filter((reason) => reason !== undefined);
  for (const reason of missing) process.stderr.write(`SKIPPED, what follows is not tested: ${reason}\n`);
  return missing.length === 0;
}

async function whyMissing(name: Need): Promise<string | undefined> {
  try {
    await needs[name]();
    return undefined;
  } catch (error) {
    return `no ${name}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
