/**
 * What the two fake programs share: log lines on stderr and `/status` over HTTP, as the real ones give them. Stands in
 * for a program whose figures a test wants to choose.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Writes one JSON log line, as the real programs do when stderr is no terminal. */
export function log(msg: string, fields: Record<string, unknown> = {}): void {
  process.stderr.write(`${JSON.stringify({ level: 'info', time: new Date().toISOString(), msg, ...fields })}\n`);
}

/** Listens on `host:port` and answers every request with `answer()` as JSON; resolves with the address bound. */
export function serveJson(listen: string, answer: (path: string) => unknown): Promise<string> {
  const [host, port] = listen.split(':');
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer(request.url ?? '')));
  });
  return new Promise((resolve) => {
    server.listen({ host, port: Number(port) }, () => resolve(`${host}:${(server.address() as AddressInfo).port}`));
  });
}

/** Ends on SIGTERM with the last words the launcher reads; `final` may wait for what is under way. */
export function endOnSigterm(final: () => unknown): void {
  const end = async () => {
    log('stopped', { final: await final() });
    process.exit(0);
  };
  process.on('SIGTERM', () => void end());
}

/** The value after `key: ` on any line of a flat YAML file, or inside a `{ key: … }`. */
export function configValue(text: string, pattern: RegExp): string {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`no ${pattern} in\n${text}`);
  return found;
}
