/**
 * The admin port of both programs: a few pages for operators over node:http, GET only. Owns the listening and the
 * answers' form, and promises: one slow or hostile reader costs nothing but its own connection, and a page that throws
 * answers 500 and stops nothing else.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listenText } from './config/listen.ts';
import { MetricStreamError, messageOf } from './errors.ts';

/** A page's answer: JSON, or text with its content type. */
export type AdminAnswer = { status: number; json: unknown } | { status: number; text: string; type: string };

/** Path → page. A page is asked anew for every request. */
export type AdminRoutes = Readonly<Record<string, () => AdminAnswer | Promise<AdminAnswer>>>;

export interface AdminServerOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** The option an operator changes when the port is taken. */
  option: string;
  routes: AdminRoutes;
}

export interface AdminServer {
  readonly port: number;
  /** Ends at once: open connections are cut. */
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 64;
const TIMEOUT_MS = 10_000;

/** @throws MetricStreamError `port_taken` or `io` that names the address and the option. */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createServer({ headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS }, (request, response) => {
    void answer(options.routes, request, response);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listening(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, { host, port, option }: AdminServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const why = taken ? 'is taken by another program; stop that program, or change' : 'cannot be listened on; change';
      const text = `${listenText({ host, port })} ${why} \`${option}\` (${cause.code})`;
      reject(new MetricStreamError(taken ? 'port_taken' : 'io', text, { cause }));
    });
    server.listen({ host, port }, resolve);
  });
}

async function answer(routes: AdminRoutes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '').split('?', 1)[0] as string;
  const page = Object.hasOwn(routes, path) ? routes[path] : undefined;
  let said: AdminAnswer;
  if (!page) said = text(404, `there is no ${JSON.stringify(path)} here; try ${Object.keys(routes).join(' ')}`);
  else if (request.method !== 'GET' && request.method !== 'HEAD') said = text(405, 'these pages are read with GET');
  else said = await ask(page);
  const body = 'json' in said ? `${JSON.stringify(said.json, undefined, 2)}\n` : said.text;
  response.writeHead(said.status, {
    'content-type': 'json' in said ? 'application/json' : said.type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(said.status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function ask(page: () => AdminAnswer | Promise<AdminAnswer>): Promise<AdminAnswer> {
  try {
    return await page();
  } catch (error) {
    return text(500, `this page failed: ${messageOf(error)}`);
  }
}

function text(status: number, line: string): AdminAnswer {
  return { status, text: `${line}\n`, type: 'text/plain; charset=utf-8' };
}
