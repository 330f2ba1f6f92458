/**
 * install/flink as docs/FLINK.md says to run it: SqlRunner.java, from its source, with windows.sql on the jars. Owns the
 * command line; every job ends with the test that started it, by its process id.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { flinkLibs, javaCommand, kafkaAdmin, quickJava, readTopic } from '../services/index.ts';
import { run } from '../services/run.ts';
import { launch, type Server, serverDir } from '../services/server.ts';

export const sqlFile = fileURLToPath(new URL('../../install/flink/windows.sql', import.meta.url));
const runner = fileURLToPath(new URL('../../install/flink/SqlRunner.java', import.meta.url));
const opened = ['java.util', 'java.lang', 'java.time'].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`);
const jobMsMax = 80_000;

/** The names of a job's topics, made by `createTopics`. */
export type Topics = { topic: string; topic_1m: string; topic_alerts: string };

/** Topics of the test's own; they go with it. */
export async function createTopics(brokers: string[], partitions: number): Promise<Topics> {
  const mark = randomBytes(6).toString('hex');
  const topics = { topic: `raw-${mark}`, topic_1m: `1m-${mark}`, topic_alerts: `alerts-${mark}` };
  const admin = kafkaAdmin(brokers);
  onTestFinished(async () => {
    await Promise.all(Object.values(topics).map((topic) => admin.deleteTopic(topic).catch(() => undefined)));
  });
  await admin.createTopic({ topic: topics.topic, partitions });
  await admin.createTopic({ topic: topics.topic_1m, partitions: 2 });
  await admin.createTopic({ topic: topics.topic_alerts, partitions: 2 });
  return topics;
}

async function command(args: readonly string[]): Promise<{ java: string; args: string[] }> {
  const [java, jars] = await Promise.all([javaCommand(), flinkLibs()]);
  return { java, args: [...quickJava, '-Xmx768m', ...opened, '-cp', `${jars}/*`, runner, ...args] };
}

function words(parameters: Readonly<Record<string, string>>): string[] {
  return Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
}

/** Runs SqlRunner.java to its end; gives what it printed, rejects with what it said. */
export async function runSql(...args: string[]): Promise<string> {
  const { java, args: all } = await command(args);
  return (await run(java, all, { timeoutMs: jobMsMax })).toString('utf8');
}

/** The windows of all that the topic holds now. */
export async function runWindows(parameters: Readonly<Record<string, string>>): Promise<void> {
  await runSql(sqlFile, 'stop=latest-offset', ...words(parameters));
}

/** The job as it runs for good; stopped with the test. */
export async function startWindows(parameters: Readonly<Record<string, string>>): Promise<Server> {
  const { java, args } = await command([sqlFile, ...words(parameters)]);
  const dir = await serverDir('flink');
  const server = await launch({ name: 'Flink', dir, command: java, args, isReady: async () => true });
  onTestFinished(() => server.stop());
  return server;
}

/** A message of metrics-1m or metrics-alerts. */
export interface WindowRow {
  timestamp: string;
  alert?: string;
  name: string;
  value: number;
  unit?: string;
  client_id: string;
  host?: string;
  datacenter?: string;
  labels?: Record<string, string>;
  tags?: Record<string, string>;
  min: number;
  max: number;
  points: number;
}

export async function readRows(brokers: string[], topic: string): Promise<WindowRow[]> {
  const messages = await readTopic(brokers, topic);
  return messages.map(({ key, value }) => {
    const row = JSON.parse(String(value)) as WindowRow;
    if (String(key) !== row.client_id) throw new Error(`the key of ${String(value)} is ${String(key)}`);
    return row;
  });
}
