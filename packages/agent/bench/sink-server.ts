/** What the agent bench sends to: says yes to everything, in a process of its own, and prints its port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeAck } from '@metricstream/proto/ack.ts';

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    const ack = { durable: 'journal', contiguousSeq: 0, receivedUnixMs: Date.now(), duplicate: false } as const;
    response.writeHead(200).end(encodeAck(ack));
  });
});
server.keepAliveTimeout = 75_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
