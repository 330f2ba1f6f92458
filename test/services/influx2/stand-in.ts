/**
 * A stand-in for InfluxDB 2.7, which no package brings: the real protocol over real HTTP, answers as measured on 2.7.12.
 * It keeps points in memory, where a test reads them back, and can be told to fail. It runs no Flux.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { endLater } from '../server.ts';
import type { StoredPoint } from './point-store.ts';
import { type Answer, type Bucket, createResources, problem, type Resources, type Task } from './resources.ts';
import { write } from './write.ts';

const bodyBytesMax = 64 * 1024 * 1024;
const writesKeptMax = 100_000;
const version = 'v2.7.12';
const unzip = promisify(gunzip);

export interface Influx2Options {
  token?: string;
  org?: string;
  /** Buckets by name, with their retention in seconds; 0 keeps everything. Default: `{ metrics: 0 }`. */
  buckets?: Record<string, number>;
  nowMs?: () => number;
}

/** What befalls writes: a status instead of an answer, an answer later, or none. */
export interface Influx2Fault {
  /** How many writes; 1 by default, `Infinity` until `heal`. */
  times?: number;
  /** Only writes with such a body. */
  when?: (body: string) => boolean;
  /** The points are stored all the same: only the answer about it is not what it should be. */
  stored?: boolean;
  status?: number;
  message?: string;
  headers?: Record<string, string>;
  delayMs?: number;
  /** No answer: the connection stays open, or is cut. */
  silence?: 'hang' | 'cut';
}

/** A write that was answered; its status is what was sent. */
export interface Influx2Write {
  status: number;
  bytes: number;
  lines: number;
}

export interface Influx2StandIn {
  readonly url: string;
  readonly org: string;
  /** The only token that it takes; assign another one to make clients' wrong. */
  token: string;
  /** The points of a bucket, in the order in which each was first written. */
  points(bucket?: string): StoredPoint[];
  /** The latest writes, oldest first. */
  readonly writes: readonly Influx2Write[];
  createBucket(name: string, retentionSeconds: number): void;
  deleteBucket(name: string): void;
  readonly buckets: readonly Bucket[];
  readonly tasks: readonly Task[];
  /** Adds a fault; of several, the one that was told first and fits befalls a write. */
  fault(fault: Influx2Fault): void;
  /** Ends all faults. Writes that hang get no answer any more. */
  heal(): void;
  stop(): Promise<void>;
}

interface State {
  token: string;
  resources: Resources;
  nowMs: () => number;
  faults: (Influx2Fault & { left: number })[];
  writes: Influx2Write[];
}

/** Starts a stand-in on a free port. */
export async function startInflux2StandIn(options: Influx2Options = {}): Promise<Influx2StandIn> {
  const { token = 'not-a-secret', org = 'metricstream', buckets = { metrics: 0 }, nowMs = Date.now } = options;
  const resources = createResources(org);
  for (const [name, retentionSeconds] of Object.entries(buckets)) resources.createBucket(name, retentionSeconds);
  const state: State = { token, resources, nowMs, faults: [], writes: [] };
  const server = createServer((request, response) => {
    // A client that went away gets no answer; that is no fault of ours.
    handle(state, request, response).catch(() => response.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = endLater(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    org,
    get token() {
      return state.token;
    },
    set token(changed) {
      state.token = changed;
    },
    points: (bucket = 'metrics') => resources.findBucket(bucket)?.store.points() ?? [],
    writes: state.writes,
    createBucket: (name, retentionSeconds) => void resources.createBucket(name, retentionSeconds),
    deleteBucket: (name) => void resources.buckets.delete(resources.findBucket(name)?.bucket.id ?? ''),
    get buckets() {
      return [...resources.buckets.values()];
    },
    get tasks() {
      return [...resources.tasks.values()];
    },
    fault: (fault) => void state.faults.push({ ...fault, left: fault.times ?? 1 }),
    heal: () => void state.faults.splice(0),
    stop,
  };
}

async function handle(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://stand-in');
  response.setHeader('x-influxdb-version', version);
  response.setHeader('x-influxdb-build', 'stand-in');
  const body = await readBody(request);
  if (body === undefined)
    return send(response, problem(413, 'request too large', 'unable to read data: points batch is too large'));
  if (url.pathname === '/ping') return send(response, { status: 204 });
  if (url.pathname === '/health') {
    const health = { name: 'influxdb', message: 'ready for queries and writes', status: 'pass', checks: [], version };
    return send(response, { status: 200, body: health });
  }
  const [, api, v2, ...path] = url.pathname.split('/');
  if (api !== 'api' || v2 !== 'v2') return send(response, problem(404, 'not found', 'path not found'));
  if (!isAuthorized(request, state.token)) return send(response, problem(401, 'unauthorized', 'unauthorized access'));
  if (path[0] === 'write') return handleWrite(state, { request, response, query: url.searchParams, body });
  if (path[0] === 'query') return send(response, problem(501, 'not implemented', 'this stand-in runs no Flux'));
  const json = parseObject(body);
  if (json === undefined) return send(response, problem(400, 'invalid', 'the body is no JSON object'));
  send(response, state.resources.answer({ method: request.method ?? '', path, query: url.searchParams, body: json }));
}

interface WriteRequest {
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
  body: Buffer;
}

async function handleWrite(state: State, { request, response, query, body }: WriteRequest): Promise<void> {
  const plain = await decode(body, request.headers['content-encoding']);
  const text = plain?.toString('utf8') ?? '';
  const fault = takeFault(state, text);
  const answer = (): Answer => {
    if (request.method !== 'POST') return problem(405, 'method not allowed', 'allowed methods are: POST');
    if (plain === undefined) return problem(500, 'internal error', 'gzip: invalid header or unexpected EOF');
    return write({ resources: state.resources, query, body: plain, nowMs: state.nowMs() });
  };
  const lost = fault?.status !== undefined || fault?.silence !== undefined;
  const usual = lost && fault?.stored !== true ? undefined : answer();
  if (fault?.delayMs !== undefined) await delay(fault.delayMs);
  if (fault?.silence === 'hang') return;
  if (fault?.silence === 'cut') {
    response.destroy();
    return;
  }
  const { status, message = 'a fault was asked for', headers = {} } = fault ?? {};
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const sent = status === undefined && usual !== undefined ? usual : problem(status ?? 500, 'internal error', message);
  state.writes.push({ status: sent.status, bytes: body.length, lines: text.match(/[^\n]+/g)?.length ?? 0 });
  if (state.writes.length > writesKeptMax) state.writes.shift();
  send(response, sent);
}

function takeFault(state: State, text: string): Influx2Fault | undefined {
  const fault = state.faults.find(({ when }) => when === undefined || when(text));
  if (fault === undefined) return undefined;
  fault.left -= 1;
  if (fault.left <= 0) state.faults.splice(state.faults.indexOf(fault), 1);
  return fault;
}

function isAuthorized(request: IncomingMessage, token: string): boolean {
  return /^(?:Token|Bearer) (.+)$/i.exec(request.headers.authorization ?? '')?.[1] === token;
}

/** The body, or undefined when it is larger than anything a test should send. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= bodyBytesMax) chunks.push(chunk);
  }
  return bytes > bodyBytesMax ? undefined : Buffer.concat(chunks);
}

/** The body without its compression, or undefined when that is broken. */
async function decode(body: Buffer, encoding: string | undefined): Promise<Buffer | undefined> {
  if (encoding !== 'gzip') return body;
  try {
    return await unzip(body, { maxOutputLength: bodyBytesMax });
  } catch {
    return undefined;
  }
}

function parseObject(body: Buffer): Record<string, unknown> | undefined {
  if (body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
