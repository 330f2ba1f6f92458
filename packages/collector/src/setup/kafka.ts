/**
 * `setup kafka` and what `check --connect` says of Kafka. Owns the order of looking and making; what is wanted and what each
 * difference means is in kafka-plan.ts. Promises that a second run changes nothing, that `--dry-run` makes nothing, and that
 * a topic which is there and differs is told, never silently accepted or changed.
 */
import { type CheckLine, checkLinesExit, checkLinesText } from '@metricstream/shared/cli/check-line.ts';
import type { Io, Verb } from '@metricstream/shared/cli/program.ts';
import { configOption } from '@metricstream/shared/cli/verbs.ts';
import { loadConfig } from '@metricstream/shared/config/load.ts';
import { type ExitCode, MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { collectorSpec } from '../config.ts';
import type { BrokerAnswer, KafkaClient, TopicDescription } from '../sinks/kafka/client.ts';
import { openKafka } from '../sinks/kafka/kafkajs.ts';
import type { KafkaSettings } from '../sinks/kafka/settings.ts';
import {
  differenceLine,
  differences,
  healthLines,
  KEYS_MOVE,
  topicText,
  type WantedTopic,
  wantedTopics,
} from './kafka-plan.ts';

const MiB = 1024 * 1024;
/** As limits.decompressed has it by default. */
const BATCH_BYTES_MAX = 4 * MiB;

export interface SetupKafkaOptions {
  settings: KafkaSettings;
  /** What a batch may be, decompressed. */
  batchBytesMax?: number;
  /** Says what would be made. */
  dryRun?: boolean;
  /** Grows a topic that has fewer partitions than the configuration says. */
  addPartitions?: boolean;
}

/**
 * Makes the topics that are missing. @returns a line for each topic and each difference that was left.
 * @throws when no broker answers, or the cluster says no.
 */
export async function setupKafka(options: SetupKafkaOptions): Promise<CheckLine[]> {
  const { settings, batchBytesMax = BATCH_BYTES_MAX } = options;
  const client = openKafka({ connection: settings.connection, log: silentLog });
  try {
    const { brokers } = await client.cluster();
    const wanted = wantedTopics(settings, batchBytesMax);
    const lines: CheckLine[] = [];
    for (const topic of wanted)
      lines.push(...(await setupTopic(client, topic, { ...options, brokers: brokers.length })));
    return lines;
  } finally {
    await client.close();
  }
}

interface Making {
  dryRun?: boolean;
  addPartitions?: boolean;
  /** That are up. */
  brokers: number;
}

async function setupTopic(client: KafkaClient, wanted: WantedTopic, making: Making): Promise<CheckLine[]> {
  const found = await client.describeTopic(wanted.topic);
  const left = differences(found, wanted);
  const lines: CheckLine[] = [];
  for (const difference of left) {
    if (difference.kind === 'missing') lines.push(await make(client, wanted, making));
    else if (difference.kind === 'grow' && making.addPartitions === true)
      lines.push(await grow(client, wanted, { ...making, from: difference.from }));
    else lines.push(differenceLine(difference, wanted));
  }
  if (left.length === 0 && found !== undefined) lines.push({ level: 'ok', what: `${foundText(found)}, as wanted` });
  return lines;
}

async function make(client: KafkaClient, wanted: WantedTopic, { dryRun, brokers }: Making): Promise<CheckLine> {
  const { topic, replication } = wanted;
  if (replication > brokers)
    return {
      level: 'fail',
      what: `topic ${topic} is not made: ${replication} copies of each partition need as many brokers, and ${brokers} ${brokers === 1 ? 'is' : 'are'} up`,
      fix: `start more brokers, or set sinks.kafka.replication: ${brokers}`,
    };
  if (dryRun === true) return { level: 'ok', what: `would make ${topicText(wanted)}` };
  const made = await client.createTopic(wanted);
  // Somebody else's run was quicker; the next look says whether it is as wanted.
  return made
    ? { level: 'ok', what: `made ${topicText(wanted)}` }
    : { level: 'warn', what: `topic ${topic} was made by somebody else just now`, fix: 'run this again to see it' };
}

async function grow(client: KafkaClient, wanted: WantedTopic, making: Making & { from: number }): Promise<CheckLine> {
  const { topic, partitions } = wanted;
  const what = `topic ${topic} from ${making.from} to ${partitions} partitions`;
  if (making.dryRun === true) return { level: 'ok', what: `would grow ${what}; ${KEYS_MOVE}` };
  await client.addPartitions({ topic, partitions });
  return { level: 'ok', what: `grown: ${what}; ${KEYS_MOVE}` };
}

/**
 * Every broker of the list by itself, then the topics: what is right and what is wrong, with the fix. Never rejects.
 */
export async function checkKafka(settings: KafkaSettings, batchBytesMax = BATCH_BYTES_MAX): Promise<CheckLine[]> {
  const { connection } = settings;
  const client = openKafka({ connection, log: silentLog });
  try {
    const { lines, answers } = await checkBrokers(client, connection.brokers);
    if (answers === 0) return lines;
    for (const wanted of wantedTopics(settings, batchBytesMax)) lines.push(...(await checkTopic(client, wanted)));
    return lines;
  } finally {
    await client.close();
  }
}

async function checkBrokers(
  client: KafkaClient,
  listed: readonly string[],
): Promise<{ lines: CheckLine[]; answers: number }> {
  const answers = await Promise.all(listed.map(async (address) => ({ address, answer: await client.probe(address) })));
  const lines = answers.map(({ address, answer }) => brokerLine(address, answer));
  const up = answers.flatMap(({ answer }) => (answer.up ? [answer.cluster] : []));
  if (new Set(up.map(({ id }) => id)).size > 1)
    lines.push({
      level: 'fail',
      what: 'the brokers of sinks.kafka.brokers belong to different clusters',
      fix: 'list brokers of one cluster',
    });
  const others = (up[0]?.brokers ?? []).filter(({ address }) => !listed.includes(address));
  const advertised = await Promise.all(
    others.map(async (broker) => ({ broker, answer: await client.probe(broker.address) })),
  );
  for (const { broker, answer } of advertised)
    if (!answer.up)
      lines.push({
        level: 'fail',
        what: `broker ${broker.id} says that clients reach it at ${broker.address}, and it does not answer there`,
        fix: `check advertised.listeners of that broker, and whether ${broker.address} is the right way from this host`,
        unreachable: true,
      });
  return { lines, answers: up.length };
}

function brokerLine(address: string, answer: BrokerAnswer): CheckLine {
  if (!answer.up) return { level: 'fail', what: answer.why, fix: answer.fix, unreachable: true };
  const { brokers, controller } = answer.cluster;
  const own = brokers.find((broker) => broker.address === address);
  const name = own === undefined ? '' : ` as broker ${own.id}`;
  const up = `${brokers.length === 1 ? '1 broker is' : `${brokers.length} brokers are`} up`;
  return { level: 'ok', what: `Kafka at ${address} answers${name}; ${up}, controller ${controller ?? 'none'}` };
}

async function checkTopic(client: KafkaClient, wanted: WantedTopic): Promise<CheckLine[]> {
  try {
    const found = await client.describeTopic(wanted.topic);
    const wrong = differences(found, wanted).map((difference) => differenceLine(difference, wanted));
    if (found === undefined) return wrong;
    const lines = [...wrong, ...healthLines(found)];
    if (wrong.length === 0) lines.unshift({ level: 'ok', what: foundText(found) });
    lines.push(await permissionLine(client, wanted.topic));
    return lines;
  } catch (error) {
    const unreachable = error instanceof MetricStreamError && error.code === 'unreachable';
    return [{ level: 'fail', what: `topic ${wanted.topic} cannot be looked at`, fix: messageOf(error), unreachable }];
  }
}

async function permissionLine(client: KafkaClient, topic: string): Promise<CheckLine> {
  if (await client.mayWrite(topic)) return { level: 'ok', what: `topic ${topic} may be written` };
  return {
    level: 'fail',
    what: `topic ${topic} may not be written by these credentials`,
    fix: `give the user Write and Describe on it: kafka-acls.sh --add --topic ${topic} --producer --allow-principal User:…`,
  };
}

function foundText({ topic, partitions, replication, config }: TopicDescription): string {
  return topicText({ topic, partitions: partitions.length, replication, config });
}

interface Flags {
  config: string;
  dryRun?: true;
  addPartitions?: true;
  json?: true;
}

/** `setup kafka`. */
export function setupKafkaVerb(): Verb<Flags> {
  return {
    name: 'kafka',
    summary: 'Make the topics that the configuration names',
    examples: ['setup kafka -c collector.yaml --dry-run', 'setup kafka -c collector.yaml'],
    define(command) {
      configOption(command, collectorSpec)
        .option('--dry-run', 'say what would be done, and do nothing')
        .option('--add-partitions', 'grow a topic with too few partitions; most clients move to another one')
        .option('--json', 'print the result as JSON');
    },
    run: runSetupKafka,
  };
}

async function runSetupKafka({ config: path, dryRun, addPartitions, json }: Flags, io: Io): Promise<ExitCode> {
  const { config } = loadConfig(path, collectorSpec);
  const settings = config.sinks.kafka;
  if (settings === undefined)
    throw new MetricStreamError(
      'config_invalid',
      `${path}: there is no sinks.kafka, or it is not enabled: add it first`,
    );
  const batchBytesMax = config.limits.decompressedBytesMax;
  const lines = await setupKafka({ settings, batchBytesMax, dryRun, addPartitions });
  io.out(json === true ? `${JSON.stringify(lines, undefined, 2)}\n` : checkLinesText(lines));
  return checkLinesExit(lines);
}
