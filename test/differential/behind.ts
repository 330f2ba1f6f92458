/**
 * What the collector's listener makes of the requests that a proxy passes on, held against what the proxy says it passed
 * on. Owns the listener, the sending of raw bytes to the proxy, and the comparison: by the proxy's own number of each
 * request, in method, target and body, and in the answer that the proxy took for it.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from '@metricstream/collector/http/listener.ts';
import type { Listener } from '@metricstream/collector/http/listener.ts';
import { plain } from '@metricstream/collector/http/responses.ts';
import type { Exchange } from '@metricstream/collector/http/types.ts';
import { LIMITS } from '../conformance/server.ts';
import { REFUSED_PATH } from '../conformance/fuzz/reference.ts';
import { LATER_PATH } from '../conformance/fuzz/drive.ts';
import { echoField, numberField, type Forwarded, type Proxy } from '../services/proxies.ts';

/** A request that reached the collector's handler. */
export interface Seen {
  number: string;
  method: string;
  target: string;
  /** Latin-1; undefined when the handler refused the request at its head. */
  body: string | undefined;
}

export interface Behind {
  listener: Listener;
  seen: Seen[];
  /** How many requests http/ refused itself, and why. */
  refused: Map<string, number>;
  failures: unknown[];
}

/** Proxies ask for nothing after so long. */
const CLIENT_MS_MAX = 3000;
/** A proxy logs a request when it is over, which may be after its client has gone. */
const LOG_MS_MAX = 6000;
const LOG_POLL_MS = 100;

/** Starts a listener that takes notes. */
export async function startBehind(): Promise<Behind> {
  const seen: Seen[] = [];
  const refused = new Map<string, number>();
  const failures: unknown[] = [];
  const echo = (status: number, { number }: Seen) => plain(status, 'done', { [echoField]: number });
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    limits: LIMITS,
    handler: {
      head(exchange: Exchange) {
        const { method, path, query } = exchange;
        const hasQuery = query !== '';
        const number = exchange.header(numberField.toLowerCase());
        const note: Seen = { number, method, target: hasQuery ? `${path}?${query}` : path, body: undefined };
        exchange.context = note;
        if (!path.startsWith(REFUSED_PATH)) return undefined;
        seen.push(note);
        return echo(429, note);
      },
      body(exchange, body) {
        const note = exchange.context as Seen;
        note.body = Buffer.from(body).toString('latin1');
        seen.push(note);
        if (exchange.path.startsWith(LATER_PATH)) setTimeout(() => exchange.answer(echo(200, note)), 1);
        else exchange.answer(echo(200, note));
      },
      malformed: (status, reason) => {
        const key = `${status} ${reason}`;
        refused.set(key, (refused.get(key) ?? 0) + 1);
      },
      failed: (error) => void failures.push(error),
    },
  });
  return { listener, seen, refused, failures };
}

/** Sends raw bytes to the proxy and waits until it has closed the connection. @returns what it answered, as Latin-1. */
export async function sendRaw(port: number, bytes: Buffer): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => void (text += chunk));
  const gone = new Promise<void>((resolve) => {
    socket.on('error', () => resolve());
    socket.on('end', () => resolve());
    socket.on('close', () => resolve());
  });
  await Promise.race([once(socket, 'connect'), gone]);
  socket.write(bytes);
  const timer = setTimeout(() => socket.destroy(), CLIENT_MS_MAX);
  await gone;
  clearTimeout(timer);
  socket.destroy();
  return text;
}

export interface Comparison {
  /** Requests that both know, and understood alike. */
  alike: number;
  /** Requests that the proxy passed on and http/ refused. */
  refused: number;
  differences: string[];
}

/** Waits until the proxy's log is whole, and compares. */
export async function compare(proxy: Proxy, { seen, refused }: Behind): Promise<Comparison> {
  const refusals = [...refused.values()].reduce((sum, times) => sum + times, 0);
  let forwarded = await proxy.forwarded();
  const isWhole = (): boolean => {
    const numbers = new Set(forwarded.map(({ number }) => number));
    return seen.every(({ number }) => numbers.has(number));
  };
  for (let waitedMs = 0; waitedMs < LOG_MS_MAX && !isWhole(); waitedMs += LOG_POLL_MS) {
    await sleep(LOG_POLL_MS);
    forwarded = await proxy.forwarded();
  }
  const differences: string[] = [];
  const logged = new Map(forwarded.map((request) => [request.number, request]));
  if (logged.size !== forwarded.length)
    differences.push(`the proxy logged ${forwarded.length - logged.size} numbers twice`);
  let alike = 0;
  for (const one of seen) {
    const other = logged.get(one.number);
    logged.delete(one.number);
    const why = other === undefined ? 'the proxy never passed it on, or only once' : differenceOf(one, other);
    if (why === undefined) alike++;
    else differences.push(`${why}: ${JSON.stringify(one)}, proxy: ${JSON.stringify(other)}`);
  }
  // What is left reached no handler: http/ must have refused it, and its answer carries no number.
  for (const left of logged.values())
    if (left.echoed !== '') differences.push(`answered by another's: ${JSON.stringify(left)}`);
  if (logged.size > refusals) differences.push(`${logged.size} passed on but not seen, ${refusals} refused`);
  return { alike, refused: logged.size, differences };
}

function differenceOf(one: Seen, other: Forwarded): string | undefined {
  if (one.method !== other.method) return 'another method';
  if (one.target !== originForm(other.target)) return 'another target';
  if (one.body !== undefined && other.body !== undefined && one.body !== other.body) return 'another body';
  // A client that went away while its request was under way never got the answer.
  return other.echoed === one.number || other.echoed === '' ? undefined : "another request's answer";
}

/** Proxies pass on the path of a URL; an empty query is none. */
function originForm(target: string): string {
  const path = target.replace(/^[a-z]+:\/\/[^/?]*/i, '').replace(/\?$/, '');
  return path.startsWith('/') || path === '*' ? path : `/${path}`;
}
