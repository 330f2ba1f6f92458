/**
 * What a Node programmer would write instead of this collector, for the ingest bench: node:http, protobufjs' static
 * decode, one JSON.stringify per point, a write stream. It answers before anything is synced, and checks nothing else.
 */
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { metricstream } from '@metricstream/proto/gen/metricstream.js';

const file = createWriteStream(process.argv[2] as string, { highWaterMark: 1 << 20 });

function lines(body: Buffer): string {
  const batch = metricstream.Batch.decode(body);
  const { symbols, series, values } = batch;
  const times = batch.timeUnixNano.map((time) =>
    new Date((time.high * 2 ** 32 + (time.low >>> 0)) / 1e6).toISOString(),
  );
  let text = '';
  let row = 0;
  for (let at = 0; at < series.length; row++) {
    const name = symbols[series[at++] as number];
    const unit = symbols[series[at++] as number];
    at++;
    const labels: Record<string, string> = {};
    for (let left = series[at++] as number; left > 0; left--) {
      const key = symbols[series[at++] as number] as string;
      labels[key] = symbols[series[at++] as number] as string;
    }
    for (let sweep = 0; sweep < times.length; sweep++) {
      const value = values[row * times.length + sweep];
      const point = { timestamp: times[sweep], name, value, unit, client_id: batch.clientId, labels };
      text += `${JSON.stringify(point)}\n`;
    }
  }
  return text;
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    file.write(lines(Buffer.concat(chunks)));
    response.writeHead(200, { 'content-length': 0 }).end();
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
