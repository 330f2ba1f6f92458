/**
 * The collector's listener with a handler that deals with requests in every way there is, plain and over TLS. Owns the
 * listeners, each twice: a patient one, and a hasty one for the cases that are about being slow.
 */
import { listen } from '@metricstream/collector/http/listener.ts';
import { empty, plain } from '@metricstream/collector/http/responses.ts';
import { newTicketKeys } from '@metricstream/collector/http/tls.ts';
import type { TlsMaterial } from '@metricstream/collector/http/tls.ts';
import type { Exchange, Handler, HttpLimits } from '@metricstream/collector/http/types.ts';
import { readCertificate } from '../services/certificates.ts';
import type { Case } from './corpus.ts';

export const LIMITS: HttpLimits = {
  connectionsMax: 1000,
  headBytesMax: 16 * 1024,
  headersMax: 100,
  targetBytesMax: 8000,
  bodyBytesMax: 1024 * 1024,
  bufferedBytesMax: 64 * 1024 * 1024,
  requestsPerConnectionMax: Number.POSITIVE_INFINITY,
  pipelinedMax: 32,
  headTimeoutMs: 60_000,
  bodyTimeoutMs: 60_000,
  bodyBytesPerSecondMin: 0,
  idleTimeoutMs: 60_000,
  writeBufferBytesMax: 1024 * 1024,
  writeTimeoutMs: 5000,
};

const SHORT = { headTimeoutMs: 2000, bodyTimeoutMs: 2000, idleTimeoutMs: 2000 };

export const TRANSPORTS = ['plain', 'tls'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Whether a case is about a client that is slow: it waits for the server's patience to end. */
export function isAboutTime({ expect }: Case): boolean {
  return expect.v === 'hold' || expect.v === 'slow';
}

export interface Servers {
  /** The paths of all requests that reached the handler, in order. */
  readonly paths: readonly string[];
  /** What the handler threw. */
  readonly failures: readonly unknown[];
  portFor(entry: Case, transport: Transport): number;
  /** Ends all; gives what connections and exchanges are left, and how many connections had to be destroyed. */
  stop(): Promise<{ openConnections: number; openExchanges: number; forced: number }>;
}

export async function startServers(): Promise<Servers> {
  const paths: string[] = [];
  const failures: unknown[] = [];
  const handler = createHandler(paths, failures);
  const { cert, key } = readCertificate('server');
  const noClients = { clientCa: '', clientRequired: false, clientId: 'san', minVersion: '1.2' } as const;
  const tls: TlsMaterial = { cert, key, ...noClients, ticketKeys: newTicketKeys() };
  const start = async (limits: HttpLimits) => ({
    plain: await listen({ host: '127.0.0.1', port: 0, reusePort: false, handler, limits }),
    tls: await listen({ host: '127.0.0.1', port: 0, reusePort: false, handler, limits, tls }),
  });
  const patient = await start(LIMITS);
  const hasty = await start({ ...LIMITS, ...SHORT });
  return {
    paths,
    failures,
    portFor: (entry, transport) => (isAboutTime(entry) ? hasty : patient)[transport].port,
    async stop() {
      const all = [patient.plain, patient.tls, hasty.plain, hasty.tls];
      const left = { openConnections: 0, openExchanges: 0, forced: 0 };
      for (const listener of all) {
        const { forced } = await listener.stop({ drainMs: 3000 });
        left.forced += forced;
        left.openConnections += listener.stats.openConnections;
        left.openExchanges += listener.stats.openExchanges;
      }
      return left;
    },
  };
}

const NOT_FOUND = plain(404, 'no such path');
const OK = plain(200, 'ok');
const STORED = empty(204);
const ONLY_POST = plain(405, 'POST only', { Allow: 'POST' });

function createHandler(paths: string[], failures: unknown[]): Handler {
  return {
    head(exchange: Exchange) {
      paths.push(exchange.path);
      if (exchange.path === '/healthz' || exchange.path === '/no/such/body') return undefined;
      if (!exchange.path.startsWith('/v1/')) return NOT_FOUND;
      return exchange.method === 'POST' ? undefined : ONLY_POST;
    },
    body(exchange) {
      if (exchange.path === '/v1/later') setImmediate(() => exchange.answer(STORED));
      else exchange.answer(exchange.path === '/healthz' ? OK : exchange.path === '/v1/batches' ? STORED : NOT_FOUND);
    },
    malformed: () => undefined,
    failed: (error) => void failures.push(error),
  };
}
