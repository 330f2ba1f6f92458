/**
 * Kafka's own Java clients as judges: one JVM per process, started by the first question, running java/KafkaJudge.java.
 * It ends when this process does, since its input does then; while nothing is asked it keeps nobody from ending.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { cached } from './cache.ts';
import { javaCommand, jdkCommand, quickJava } from './java.ts';
import { kafkaClassPath } from './kafka-jars.ts';
import { run } from './run.ts';

const sources = ['KafkaJudge', 'TopicReader', 'ClusterAdmin'].map((name) =>
  fileURLToPath(new URL(`java/${name}.java`, import.meta.url)),
);

interface Question {
  rows: unknown[];
  resolve(rows: unknown[]): void;
  reject(error: Error): void;
}

interface Answer {
  id: number;
  rows?: unknown[];
  done?: boolean;
  error?: string;
}

interface Judge {
  ask(question: object): Promise<unknown[]>;
}

let judge: Promise<Judge> | undefined;

/** Asks `op` with its arguments; resolves with the rows of the answer, rejects with the words of Kafka's client. */
export async function askKafka<Row>(op: string, args: object): Promise<Row[]> {
  judge ??= startJudge();
  return (await (await judge).ask({ op, ...args })) as Row[];
}

async function startJudge(): Promise<Judge> {
  const [java, jars, classes] = await Promise.all([javaCommand(), kafkaClassPath(), compiled()]);
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
  const child = spawn(java, [...quickJava, '-Xmx256m', quiet, '-cp', `${classes}:${jars}`, 'KafkaJudge'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const open = new Map<number, Question>();
  hold(child, false);
  createInterface({ input: child.stdout }).on('line', (line) => {
    take(open, JSON.parse(line) as Answer);
    hold(child, open.size > 0);
  });
  const fail = (why: string) => {
    judge = undefined;
    for (const { reject } of open.values()) reject(new Error(`Kafka's Java clients: ${why}`));
  };
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code, signal) => fail(`the process ended with ${signal ?? `exit code ${code}`}`));
  let id = 0;
  return {
    ask(question) {
      id += 1;
      return new Promise((resolve, reject) => {
        open.set(id, { rows: [], resolve, reject });
        hold(child, true);
        child.stdin.write(`${JSON.stringify({ id, ...question })}\n`);
      });
    },
  };
}

function take(open: Map<number, Question>, { id, rows = [], done, error }: Answer): void {
  const question = open.get(id);
  if (question === undefined) return;
  for (const row of rows) question.rows.push(row);
  if (error !== undefined) question.reject(new Error(`Kafka's Java client: ${error}`));
  else if (done) question.resolve(question.rows);
  else return;
  open.delete(id);
}

/** Whether the JVM keeps this process from ending. */
function hold(child: ChildProcessByStdio<Writable, Readable, null>, held: boolean): void {
  const how = held ? 'ref' : 'unref';
  child[how]();
  for (const stream of [child.stdin, child.stdout]) (stream as unknown as Record<typeof how, () => void>)[how]();
}

/** The directory of the helper's classes, compiled once for each version of its sources. */
async function compiled(): Promise<string> {
  const [javac, jars, ...texts] = await Promise.all([
    jdkCommand('javac'),
    kafkaClassPath(),
    ...sources.map((file) => readFile(file)),
  ]);
  const hash = createHash('sha256').update(jars);
  for (const text of texts) hash.update(text);
  return cached({
    name: `java-kafka-${hash.digest('hex').slice(0, 12)}`,
    async make(dir) {
      await run(javac, ['-d', dir, '-cp', jars, ...sources]);
    },
  });
}
