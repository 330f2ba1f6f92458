/**
 * The servers the bench `http` measures, one per process: `ours`, `ours-tls`, `node-http`, `node-https`. Prints its port
 * on stdout.
 */
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { readCertificate } from '../../../test/services/certificates.ts';
import { listen } from '../src/http/listener.ts';
import { empty } from '../src/http/responses.ts';
import { newTicketKeys } from '../src/http/tls.ts';
import type { TlsMaterial } from '../src/http/tls.ts';
import type { HttpLimits } from '../src/http/types.ts';

/** What a collector at defaults would set: every check and timeout is on. */
const LIMITS: HttpLimits = {
  connectionsMax: 20_000,
  headBytesMax: 16 * 1024,
  headersMax: 100,
  targetBytesMax: 8000,
  bodyBytesMax: 8 * 1024 * 1024,
  bufferedBytesMax: 256 * 1024 * 1024,
  requestsPerConnectionMax: 1_000_000,
  pipelinedMax: 64,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  bodyBytesPerSecondMin: 1024,
  idleTimeoutMs: 75_000,
  writeBufferBytesMax: 1024 * 1024,
  writeTimeoutMs: 30_000,
};

async function startOurs(tls?: TlsMaterial): Promise<number> {
  const stored = empty(204);
  const wrongPath = empty(404);
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    limits: LIMITS,
    tls,
    handler: {
      head: (exchange) => (exchange.path === '/v1/batches' ? undefined : wrongPath),
      body: (exchange) => exchange.answer(stored),
      malformed: (status, reason) => void process.stderr.write(`${status} ${reason}\n`),
      failed: (error) => void process.stderr.write(`${String(error)}\n`),
    },
  });
  return listener.port;
}

const onRequest: RequestListener = (request, response) => {
  request.on('data', () => undefined);
  request.on('end', () => {
    response.writeHead(204);
    response.end();
  });
};

async function startNode(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const { cert, key } = readCertificate('server');
const PLAIN_CLIENTS = { clientCa: '', clientRequired: false, clientId: 'san', minVersion: '1.2' } as const;

function start(which: string | undefined): Promise<number> {
  if (which === 'ours') return startOurs();
  if (which === 'ours-tls') return startOurs({ cert, key, ...PLAIN_CLIENTS, ticketKeys: newTicketKeys() });
  if (which === 'node-https') return startNode(createTlsServer({ cert, key, noDelay: true }, onRequest));
  return startNode(createServer({ noDelay: true }, onRequest));
}

process.stdout.write(`${await start(process.argv[2])}\n`);
