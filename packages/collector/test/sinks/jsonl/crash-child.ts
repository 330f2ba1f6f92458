/** Run as a process of its own, to be killed: stores numbered values for ever, committing as a pump does. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '@metricstream/shared/atomic-file.ts';
import { createJsonlSink } from '../../../src/sinks/jsonl/jsonl-sink.ts';
import { deliveryOf, never, recordOf } from './helpers.ts';

const [root] = process.argv.slice(2) as [string];
const cursorPath = join(root, 'cursor.json');
const cursor = existsSync(cursorPath)
  ? (JSON.parse(readFileSync(cursorPath, 'utf8')) as { next: number; state: unknown })
  : { next: 0, state: undefined };

const sink = await createJsonlSink({
  dir: join(root, 'jsonl'),
  rotateBytes: 40_000,
  keepMs: 3_600_000,
  clientsMax: 10,
  state: cursor.state,
});
for (let seq = 1; ; seq++) {
  const values = Array.from({ length: 150 }, (_, at) => cursor.next + at);
  const outcome = await sink.write(
    deliveryOf(recordOf(seq, values.slice(0, 50)), recordOf(seq, values.slice(50))),
    never,
  );
  if (outcome.kind !== 'stored') throw new Error(JSON.stringify(outcome));
  cursor.next += values.length;
  cursor.state = outcome.state;
  writeFileAtomically(cursorPath, JSON.stringify(cursor));
  if (seq === 1) process.stdout.write('running\n');
}
