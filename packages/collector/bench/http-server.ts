/** The servers the bench `http` measures, one per process: `ours` or `node-http`. Prints its port on stdout. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listen } from '../src/http/listener.ts';
import { empty } from '../src/http/responses.ts';
import type { HttpLimits } from '../src/http/types.ts';

/** What a collector at defaults would set: every check and timeout is on. */
const LIMITS: HttpLimits = {
  connectionsMax: 20_000,
  headBytesMax: 16 * 1024,
  headersMax: 100,
  targetBytesMax: 8000,
  bodyBytesMax: 8 * 1024 * 1024,
  bufferedBytesMax: 256 * 1024 * 1024,
  requestsPerConnectionMax: Number.POSITIVE_INFINITY,
  pipelinedMax: 64,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  bodyBytesPerSecondMin: 0,
  idleTimeoutMs: 75_000,
  writeBufferBytesMax: 1024 * 1024,
  writeTimeoutMs: 30_000,
};

async function startOurs(): Promise<number> {
  const stored = empty(204);
  const wrongPath = empty(404);
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    limits: LIMITS,
    handler: {
      head: (exchange) => (exchange.path === '/v1/batches' ? undefined : wrongPath),
      body: (exchange) => exchange.answer(stored),
      malformed: (status, reason) => void process.stderr.write(`${status} ${reason}\n`),
      failed: (error) => void process.stderr.write(`${String(error)}\n`),
    },
  });
  return listener.port;
}

async function startNodeHttp(): Promise<number> {
  const server = createServer({ noDelay: true }, (request, response) => {
    request.on('data', () => undefined);
    request.on('end', () => {
      response.writeHead(204);
      response.end();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const port = process.argv[2] === 'ours' ? await startOurs() : await startNodeHttp();
process.stdout.write(`${port}\n`);
