/** A server that answers the client's calls as a test tells it, and what it hears. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { expect, onTestFinished } from 'vitest';
import { createInfluxdbClient } from '../../../src/sinks/influxdb/client.ts';
import type { InfluxdbTarget } from '../../../src/sinks/influxdb/settings.ts';
import { type Changes, settingsFor1 } from './helpers.ts';

interface Heard {
  request: IncomingMessage;
  body: Buffer;
}

/** A server that answers as told, and a client of it. */
export async function talk(
  answer: (response: ServerResponse, heard: Heard) => void,
  changes: Changes & { target?: InfluxdbTarget } = {},
) {
  const heard: Heard[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    response.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one = { request, body: Buffer.concat(chunks) };
      heard.push(one);
      answer(response, one);
    });
  });
  server.on('connection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createInfluxdbClient({ ...settingsFor1(url, 'metrics'), ...changes });
  onTestFinished(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return { client, heard, url, sockets, connections: () => connections };
}

/** The product's error that a call ends with. */
export async function failureOf(work: Promise<unknown>): Promise<MetricStreamError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MetricStreamError);
  return error as MetricStreamError;
}

/** Resolves when the clients' connections are gone. */
export async function closed(sockets: ReadonlySet<Socket>): Promise<void> {
  await Promise.all([...sockets].map((socket) => new Promise((resolve) => void socket.on('close', resolve))));
  expect(sockets.size).toBe(0);
}
