/**
 * vitest's set-up for the whole run, in its main process: answers the test files' processes that ask for a shared
 * server, starting it for the first one; ends all of them when the run is over.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { endServers } from './server.ts';
import { isSharedName, registryVariable, startShared } from './shared.ts';

/** Gives the function that ends it. Nothing is started yet. */
export async function setup(): Promise<() => Promise<void>> {
  const registry = createServer((request, response) => {
    const name = request.url?.slice(1) ?? '';
    const answer = isSharedName(name) ? startShared(name) : Promise.reject(new Error(`no shared server "${name}"`));
    answer.then(
      (address) => response.end(JSON.stringify(address)),
      (error) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  });
  await once(registry.listen(0, '127.0.0.1'), 'listening');
  const { port } = registry.address() as AddressInfo;
  process.env[registryVariable] = `http://127.0.0.1:${port}`;
  return async () => {
    registry.closeAllConnections();
    registry.close();
    await endServers();
  };
}
