/**
 * Run as a process of its own on a disk (or under a file size limit) of about 1 MB: fills it, goes on refusing while it
 * is full, and stores again once there is room. Prints what it saw as one line of JSON.
 */
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createJsonlSink } from '../../../src/sinks/jsonl/jsonl-sink.ts';
import { deliveryOf, never, recordOf, valuesIn } from './helpers.ts';

const [root, limited] = process.argv.slice(2) as [string, string];
const dir = join(root, 'jsonl');
const sink = await createJsonlSink({ dir, rotateBytes: 1e9, keepMs: 1e9, clientsMax: 10 });
const seen = { stored: 0, whys: [] as string[], torn: 0, fillerBytes: 0, storedAfterRoom: '', values: 0 };
let next = 0;
let lengthBytes = 0;
const expected: number[] = [];

async function writeOnce(): Promise<string> {
  const values = Array.from({ length: 700 }, (_, at) => next + at);
  const outcome = await sink.write(deliveryOf(recordOf(1, values)), never);
  if (outcome.kind === 'stored') {
    next += values.length;
    expected.push(...values);
    lengthBytes = (outcome.state as { lengthBytes: number }).lengthBytes;
    seen.stored++;
  } else {
    seen.whys.push(`${outcome.kind} ${outcome.why}`);
    for (const name of readdirSync(dir)) if (statSync(join(dir, name)).size !== lengthBytes) seen.torn++;
  }
  return outcome.kind;
}

writeFileSync(join(root, 'ballast'), Buffer.alloc(300_000));
while ((await writeOnce()) === 'stored');
if (limited === 'disk') {
  // Down to the last byte: what is left after the cut is not enough for anything.
  const filler = join(root, 'filler');
  for (let chunk = 65_536; chunk >= 1; chunk >>= 1) {
    try {
      while (true) writeFileSync(filler, Buffer.alloc(chunk), { flag: 'a' });
    } catch {
      // Full for this size; a smaller one may fit.
    }
  }
  seen.fillerBytes = statSync(filler).size;
  await writeOnce();
  await writeOnce();
  rmSync(filler);
  rmSync(join(root, 'ballast'));
  seen.storedAfterRoom = await writeOnce();
}
await sink.close();
seen.values = valuesIn(dir).every((value, at) => value === expected[at]) ? valuesIn(dir).length : -1;
process.stdout.write(`${JSON.stringify({ ...seen, expected: expected.length })}\n`);
