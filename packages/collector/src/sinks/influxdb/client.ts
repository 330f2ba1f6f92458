/**
 * InfluxDB over HTTP, 1.x and 2.x: writes, InfluxQL, Flux, and the API of 2.x. The one file that imports the client
 * library, of which it takes transport and Flux queries; never its WriteApi, which reports success after 400 and 404.
 *
 * What the library's transport does by itself, and what is done here about it: its timeout is one of silence and leaves
 * the socket open, and an abort leaves its listener on the caller's signal, so each exchange has its own signal with a
 * deadline for the whole. A JSON answer of an error has no bound, so answers are counted as they come; nor has one that it
 * decompresses, so none is asked for and none taken. InfluxDB 1.x
 * repeats an error's words in a header, which may be longer than Node takes, so the bound of headers is raised. It
 * keeps no connection by itself, so it gets an agent. It takes text for a body and copies it, so bytes are written to the
 * request where the library starts it: they must stay as they are until the call ends.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type CommunicationObserver, HttpError, InfluxDB, type Transport } from '@influxdata/influxdb-client';
import { messageOf, MetricStreamError } from '@metricstream/shared/errors.ts';
import { type Answer, failure, influxqlSeries, type InfluxqlSeries, retryAfterMs, wordsOf } from './answer.ts';
import type { InfluxdbSettings } from './settings.ts';
import { carryBody, carrying, openWire } from './wire.ts';

export type { Answer, InfluxqlSeries } from './answer.ts';
export { answerIn } from './answer.ts';

export interface CallOptions {
  signal?: AbortSignal;
  /** For this call, instead of the settings'. */
  timeoutMs?: number;
}

export interface InfluxqlOptions extends CallOptions {
  /** The settings' database, or on 2.x their bucket, where not given. */
  database?: string;
  /** How times come: whole numbers of this unit (`ms` where not given). A whole number beyond 2^53 comes as bigint, floats too. */
  epoch?: 'ns' | 'ms' | 's';
}

export interface ApiOptions extends CallOptions {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** With its query; begins with a slash. */
  path: string;
  json?: unknown;
}

/** A row of a Flux answer by column; times are RFC 3339 text with all digits. */
export type FluxRow = Record<string, unknown>;

export interface InfluxdbClient {
  /** Server and database or bucket, for messages. */
  readonly where: string;
  /** Writes line protocol, which must not change meanwhile. Any answer resolves; rejects when there is none (unreachable, timeout, stopped, limit). */
  write(body: Uint8Array, options?: CallOptions): Promise<Answer>;
  /** Runs InfluxQL, on 2.x too. @returns the series of each statement. @throws what `answerIn` reads the answer from. */
  influxql(statements: string, options?: InfluxqlOptions): Promise<InfluxqlSeries[][]>;
  /** Runs Flux (2.x). @throws as `influxql`. */
  flux(script: string, options?: CallOptions): Promise<FluxRow[]>;
  /** Any other call. Any answer resolves, with its JSON where it is some. */
  api(options: ApiOptions): Promise<Answer & { json: unknown }>;
  /** @returns the server's version, as it says it ('' when it does not). */
  ping(options?: CallOptions): Promise<{ version: string }>;
  /** @returns the server's time by the `Date` of its last answer that had one, at most a moment behind; never ahead. */
  serverUnixMs(): number | undefined;
  /** Closes connections; calls under way fail. */
  close(): void;
}

/** A body's every line may be in the words about it, twice with escapes. */
const HEADER_BYTES_MAX = 8 * 1024 * 1024;
/** Bodies on their way, a query, a check. */
const SOCKETS_MAX = 8;
/** Of line protocol, little is gained by more, and it takes twice the time. */
const GZIP_OPTIONS = { level: 1 };
const gzipBytes = promisify(gzip);

interface Exchange extends CallOptions {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
}

interface Exchanged {
  answer: Answer;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

export function createInfluxdbClient(settings: InfluxdbSettings): InfluxdbClient {
  const { url, target } = settings;
  const where = target.version === 1 ? `${url}, database ${target.database}` : `${url}, bucket ${target.bucket}`;
  const writePath = writePathOf(target);
  const { transport, close } = openTransport(settings);
  let dated: { unixMs: number; atMs: number } | undefined;

  /** Runs one exchange within its deadline. @throws MetricStreamError when there is no whole answer. */
  async function within<T>(options: CallOptions, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal, timeoutMs = settings.timeoutMs } = options;
    const own = new AbortController();
    const wire = openWire(own.signal);
    const stop = (): void => own.abort(new MetricStreamError('stopped', `${url}: stopped before it answered`));
    const late = (): void =>
      own.abort(new MetricStreamError('timeout', `${url} did not answer within ${timeoutMs} ms`));
    if (signal?.aborted) stop();
    const timer = setTimeout(late, timeoutMs);
    signal?.addEventListener('abort', stop);
    try {
      own.signal.throwIfAborted();
      return await run(own.signal);
    } catch (error) {
      if (own.signal.aborted) throw own.signal.reason;
      if (wire.refusal !== undefined) throw new MetricStreamError(wire.refusal.code, `${url} ${wire.refusal.words}`);
      if (error instanceof MetricStreamError || error instanceof HttpError) throw error;
      throw new MetricStreamError('unreachable', `${url}: ${messageOf(error)}`);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  async function exchange({ method, path, headers, body = '', ...options }: Exchange): Promise<Exchanged> {
    const exchanged = await within(options, (signal) => send(transport, { method, path, headers, body, signal }));
    const unixMs = Date.parse(exchanged.headers.date ?? '');
    if (!Number.isNaN(unixMs)) dated = { unixMs, atMs: performance.now() };
    return exchanged;
  }

  return {
    where,
    async write(lines, options = {}) {
      const plain = settings.compression === 'none';
      const headers: Record<string, string> = { 'content-type': 'text/plain; charset=utf-8' };
      if (!plain) headers['content-encoding'] = 'gzip';
      const body = plain ? lines : await gzipBytes(lines, GZIP_OPTIONS);
      return (await exchange({ method: 'POST', path: writePath, headers, body, ...options })).answer;
    },
    async influxql(statements, { database, epoch = 'ms', ...options } = {}) {
      const db = database ?? (target.version === 1 ? target.database : target.bucket);
      const { answer, body } = await exchange({
        method: 'POST',
        path: '/query',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body: String(new URLSearchParams({ db, epoch, q: statements })),
        ...options,
      });
      return influxqlSeries(answer, body, where);
    },
    async flux(script, options = {}) {
      const org = target.version === 2 ? target.org : '';
      try {
        return await within(options, (signal) => queryFlux(transport, { org, script, signal }));
      } catch (error) {
        if (error instanceof HttpError) throw failure(where, answerOf(error));
        throw error;
      }
    },
    async api({ json, ...options }) {
      const body = json === undefined ? '' : JSON.stringify(json);
      const headers = { accept: 'application/json' };
      const { answer, body: bytes } = await exchange({ body, headers, ...options });
      return { ...answer, json: parseJson(bytes.toString('utf8')) };
    },
    async ping(options = {}) {
      const { answer, headers } = await exchange({ method: 'GET', path: '/ping', ...options });
      if (answer.status !== 204 && answer.status !== 200) throw failure(url, answer);
      return { version: String(headers['x-influxdb-version'] ?? '') };
    },
    serverUnixMs: () => dated && dated.unixMs + performance.now() - dated.atMs,
    close,
  };
}

function writePathOf(target: InfluxdbSettings['target']): string {
  if (target.version === 1) {
    const { database: db, retentionPolicy: rp } = target;
    return `/write?${String(new URLSearchParams({ db, rp, precision: 'ns' }))}`;
  }
  const { org, bucket } = target;
  return `/api/v2/write?${String(new URLSearchParams({ org, bucket, precision: 'ns' }))}`;
}

function openTransport({ url, target }: InfluxdbSettings): { transport: Transport; close(): void } {
  const secure = url.startsWith('https:');
  const agent = new (secure ? https : http).Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, scheduling: 'lifo' });
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (target.version === 1 && target.username !== '')
    headers['authorization'] = `Basic ${Buffer.from(`${target.username}:${target.password}`).toString('base64')}`;
  const { transport } = new InfluxDB({
    url,
    token: target.version === 2 ? target.token : undefined,
    headers,
    timeout: 0,
    transportOptions: {
      agent,
      maxHeaderSize: HEADER_BYTES_MAX,
      // The library's way to give it another `request`; redirects are not followed.
      'follow-redirects': { http: { request: carrying(http.request) }, https: { request: carrying(https.request) } },
    },
  });
  return { transport, close: () => agent.destroy() };
}

interface Sent {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body: Uint8Array | string;
  signal: AbortSignal;
}

function send(transport: Transport, { path, body, ...options }: Sent): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let status = 0;
    let headers: http.IncomingHttpHeaders = {};
    const text = typeof body === 'string' ? body : '';
    if (typeof body !== 'string') carryBody(options.signal, body);
    transport.send(path, text, options, {
      responseStarted(given, code = 0) {
        status = code;
        headers = given;
      },
      next(chunk) {
        chunks.push(chunk);
      },
      error(error) {
        if (!(error instanceof HttpError)) return reject(error);
        const bytes = Buffer.from(error.body ?? '');
        resolve({ answer: answerOf(error), headers: { ...error.headers }, body: bytes });
      },
      complete() {
        const bytes = Buffer.concat(chunks);
        resolve({
          answer: { status, words: status < 300 ? '' : wordsOf(bytes.toString('utf8')) },
          headers,
          body: bytes,
        });
      },
    });
  });
}

function answerOf({ statusCode, statusMessage = '', body = '', headers }: HttpError): Answer {
  const after = retryAfterMs(headers?.['retry-after']?.toString(), Date.now());
  return { status: statusCode, words: wordsOf(body) || statusMessage, retryAfterMs: after };
}

async function queryFlux(
  transport: Transport,
  query: { org: string; script: string; signal: AbortSignal },
): Promise<FluxRow[]> {
  const { org, script, signal } = query;
  // The library's queries take no signal; its transport does.
  const signalled: Transport = {
    chunkCombiner: transport.chunkCombiner,
    send: (path, body, options, observer = {}) =>
      transport.send(path, body, { ...options, signal }, withSafeEnd(observer)),
    request: (path, body, options, started) => transport.request(path, body, { ...options, signal }, started),
    iterate: (path, body, options) => transport.iterate(path, body, { ...options, signal }),
  };
  const api = new InfluxDB({ url: 'http://transport.invalid', transport: signalled }).getQueryApi(org);
  let failed: string | undefined;
  const rows = await api.collectRows<FluxRow>(script, (values, table) => {
    const row: FluxRow = table.toObject(values);
    // An error after the answer has begun comes as a table of its own.
    if ('error' in row && 'reference' in row && !('table' in row)) failed = String(row['error']);
    return row;
  });
  if (failed !== undefined) throw new MetricStreamError('unreachable', `the query failed on its way: ${failed}`);
  return rows;
}

/** The library catches what a line of an answer throws, save that of a last line without an end. */
function withSafeEnd<T>(observer: Partial<CommunicationObserver<T>>): Partial<CommunicationObserver<T>> {
  return {
    ...observer,
    complete() {
      try {
        observer.complete?.();
      } catch (error) {
        observer.error?.(error instanceof Error ? error : new Error(String(error)));
      }
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
