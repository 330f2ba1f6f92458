/**
 * Apache Kafka 4.3.1 from Maven Central: one node, or three with three copies of everything. Clients connect to `brokers`,
 * with the security asked for; `plainBrokers` lead to the same data without any, for readers that judge.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KafkaSecurity, kafkaUser, type NodePorts, serverProperties } from './kafka-config.ts';
import { kafkaClassPath } from './kafka-jars.ts';
import { type Keystore, makeKeystore } from './kafka-keystore.ts';
import { brokersAlive } from './kafka-wire.ts';
import { javaCommand, quickJava } from './java.ts';
import { freePorts } from './ports.ts';
import { run } from './run.ts';
import { launch, type Server, serverDir } from './server.ts';

export interface KafkaOptions {
  nodes?: 1 | 3;
  /** More server.properties, put over the usual ones; for every node. */
  config?: Record<string, string>;
  /** What clients at `brokers` must do. None by default. */
  security?: KafkaSecurity;
}

export interface KafkaCluster {
  /** "127.0.0.1:PORT" of each node. */
  readonly brokers: string[];
  /** The same nodes without security. */
  readonly plainBrokers: string[];
  /** For `sasl_plain` and `scram`. */
  readonly username: string;
  readonly password: string;
  /** For `tls`: the certificate to trust, as PEM. */
  readonly caFile?: string;
  /** Of the processes, by node number - 1. */
  readonly pids: number[];
  /** SIGKILL to a node (from 1), or to all. */
  kill9(node?: number): Promise<void>;
  /** Starts a node that was killed, or all such, on the same port and data; resolves when it serves. */
  start(node?: number): Promise<void>;
  /** SIGSTOP and SIGCONT to a node, or to all. */
  pause(node?: number): void;
  resume(node?: number): void;
  /** The end, with its data. */
  stop(): Promise<void>;
}

/** Starts a cluster; resolves when every node sees all of them. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const { nodes: count = 1, security } = options;
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  const free = await freePorts(3 * count);
  const ports = ids.map((id): NodePorts => {
    const [client = 0, controller = 0, plain = 0] = free.slice(3 * id - 3);
    return { client, controller, plain: security === undefined ? client : plain };
  });
  const clusterId = newClusterId();
  const dirs = await Promise.all(ids.map(() => serverDir('kafka')));
  const tls = security === 'tls' ? await makeKeystore(dirs[0] ?? '') : undefined;
  const nodes = await Promise.all(
    dirs.map((dir, index) => startNode({ id: index + 1, dir, ports, clusterId, options, tls })),
  );
  return clusterOf(nodes, { ports, tls });
}

/** 22 characters; as Kafka's own, never one that begins with `-`, which its tools would take for an option. */
function newClusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

function clusterOf(nodes: Server[], { ports, tls }: { ports: NodePorts[]; tls?: Keystore }): KafkaCluster {
  const down = new Set<Server>();
  const some = (node?: number) => (node === undefined ? nodes : nodes.slice(node - 1, node));
  return {
    brokers: ports.map(({ client }) => `127.0.0.1:${client}`),
    plainBrokers: ports.map(({ plain }) => `127.0.0.1:${plain}`),
    ...kafkaUser,
    caFile: tls?.caFile,
    get pids() {
      return nodes.map(({ pid }) => pid);
    },
    async kill9(node) {
      const killed = some(node);
      for (const server of killed) down.add(server);
      await Promise.all(killed.map((server) => server.kill9()));
    },
    async start(node) {
      const started = some(node).filter((server) => down.delete(server));
      await Promise.all(started.map((server) => server.start()));
    },
    pause: (node) => some(node).forEach((server) => server.pause()),
    resume: (node) => some(node).forEach((server) => server.resume()),
    async stop() {
      // A minority that is asked to end would wait for the majority.
      if (nodes.length > 1) await Promise.all(nodes.map((server) => server.kill9()));
      await Promise.all(nodes.map((server) => server.stop()));
    },
  };
}

interface NodePlan {
  id: number;
  dir: string;
  ports: NodePorts[];
  clusterId: string;
  options: KafkaOptions;
  tls?: Keystore;
}

async function startNode({ id, dir, ports, clusterId, options, tls }: NodePlan): Promise<Server> {
  const { security, config } = options;
  const [classPath, java] = await Promise.all([kafkaClassPath(), javaCommand()]);
  const logDir = join(dir, 'data');
  const properties = join(dir, 'server.properties');
  await writeFile(properties, serverProperties({ id, ports, logDir, security, keystore: tls?.file, config }));
  const jvm = [...quickJava, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', classPath];
  if (security === 'scram') await formatWithUsers({ java, jvm, clusterId, properties });
  else await writeFormat({ id, logDir, clusterId });
  const plain = `127.0.0.1:${ports[id - 1]?.plain}`;
  let complete = false;
  return launch({
    name: ports.length > 1 ? `Kafka node ${id}` : 'Kafka',
    dir,
    command: java,
    args: ['-Xms128m', '-Xmx256m', ...jvm, 'kafka.Kafka', properties],
    async isReady(signal) {
      const alive = await brokersAlive(plain, signal);
      // At first with all others; after a restart the others may be down on purpose.
      if (complete ? !alive.includes(id) : alive.length < ports.length) return false;
      complete = true;
      return true;
    },
  });
}

/** What Kafka's storage tool would write, without half a second of JVM. */
async function writeFormat({
  id,
  logDir,
  clusterId,
}: {
  id: number;
  logDir: string;
  clusterId: string;
}): Promise<void> {
  await mkdir(logDir, { recursive: true });
  const directoryId = randomBytes(16).toString('base64url');
  const lines = ['version=1', `node.id=${id}`, `cluster.id=${clusterId}`, `directory.id=${directoryId}`];
  await writeFile(join(logDir, 'meta.properties'), `${lines.join('\n')}\n`);
}

interface Format {
  java: string;
  jvm: string[];
  clusterId: string;
  properties: string;
}

/** SCRAM users are records of the cluster's first snapshot, which only the storage tool writes. */
async function formatWithUsers({ java, jvm, clusterId, properties }: Format): Promise<void> {
  const { username, password } = kafkaUser;
  const users = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${username},password=${password}]`,
  ]);
  await run(java, [...jvm, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties, ...users]);
}
