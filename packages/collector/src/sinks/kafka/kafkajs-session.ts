/**
 * One kafkajs client with its connections, to be thrown away as a whole. kafkajs cannot be told to stop trying, and does not
 * leave a broker that accepts connections and says nothing; so every socket is known here, and `kill` ends them all, with
 * everything that waits for them. Owns how we connect: timeouts, SASL, TLS, codecs, its log.
 */
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import type { Log } from '@metricstream/shared/log.ts';
import kafkajs, { type ISocketFactory, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';
import { gzipCodec, zstdCodec } from './codecs.ts';
import type { KafkaConnection } from './settings.ts';
import { tlsOptions } from './tls.ts';

// kafkajs is CommonJS, and its names are not seen by Node's import.
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
CompressionCodecs[CompressionTypes.GZIP] = () => gzipCodec;
CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec;

const CONNECT_TIMEOUT_MS = 1000;
export const REQUEST_TIMEOUT_MS = 5000;
/** kafkajs's own waits between its tries, and ours where it makes none. */
export const RETRY = { initialRetryTime: 100, maxRetryTime: 500, multiplier: 2, factor: 0.2 };
const KEEP_ALIVE_MS = 60_000;

export interface SessionOptions {
  connection: KafkaConnection;
  /** Which of the brokers is asked first; the others follow in turn. */
  first?: number;
  /** How often kafkajs itself tries again before it rejects. */
  retries: number;
  /** Takes what kafkajs has to say, at `debug`. */
  log: Log;
}

export interface KafkaSession {
  readonly kafka: InstanceType<typeof Kafka>;
  /** Ends every connection, and with it all that waits for an answer; nothing connects any more. */
  kill(): void;
}

/** Connects to nothing yet. Rejects when a TLS file cannot be read. */
export async function openSession({ connection, first = 0, retries, log }: SessionOptions): Promise<KafkaSession> {
  const tls = connection.tls && (await tlsOptions(connection.tls));
  const count = connection.brokers.length;
  const seeds = connection.brokers.map((_, index) => seedOf(connection.brokers[(first + index) % count] ?? ''));
  const sockets = new Set<Socket>();
  let alive = true;
  const socketFactory: ISocketFactory = ({ host: name, port, onConnect }) => {
    if (!alive) throw new Error('the session is closed');
    const host = seeds.find(({ alias }) => alias === name)?.host ?? name;
    const server = isIP(host) === 0 ? { servername: host } : {};
    const socket = tls
      ? connectTls({ ...tls, ...server, host, port }, onConnect)
      : connectPlain({ host, port }, onConnect);
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    // kafkajs does this again and again to one that is gone, and each time would leave a listener behind.
    const unref = socket.unref.bind(socket);
    socket.unref = () => (socket.destroyed ? socket : unref());
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const options: KafkaConfig = {
    clientId: 'metricstream',
    // Without any, kafkajs ends trying: on a connection that fails it tries on, as often as it was told.
    brokers: () => (alive ? seeds.map(({ alias, port }) => `${alias}:${port}`) : []),
    ssl: tls !== undefined,
    // kafkajs writes into it, and what it writes holds on to the password.
    sasl: connection.sasl && ({ ...connection.sasl } as SASLOptions),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    authenticationTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: { ...RETRY, retries },
    socketFactory,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => passOn(entry, log),
  };
  return {
    kafka: new Kafka(options),
    kill() {
      alive = false;
      for (const socket of sockets) socket.destroy(new Error('given up'));
    },
  };
}

/** kafkajs parts host and port at the first colon, which an IPv6 address has more of: such a one goes by an alias. */
function seedOf(address: string): { alias: string; host: string; port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { alias: host.replaceAll(':', '-'), host, port: Number(address.slice(colon + 1)) };
}

/** What it says of failures comes to us as errors too; here it is for those who look closer. No stacks, no payloads. */
function passOn({ namespace, log: said }: LogEntry, log: Log): void {
  const { broker, groupId, topic, partition, error, retryCount } = said;
  const why = error instanceof Error ? error.message : error;
  log.debug(`kafkajs ${namespace}: ${said.message}`, { broker, groupId, topic, partition, why, retryCount });
}

/** The promise, or a rejection after `ms`. What it waited for goes on: kill its session. */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new MetricStreamError('timeout', `${what} took more than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
