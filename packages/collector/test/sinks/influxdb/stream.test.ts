/** Bodies on their way: two at most, none changed meanwhile, and always the same few. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../../src/sinks/influxdb/body.ts';
import { createLineWriter } from '../../../src/sinks/influxdb/line-protocol.ts';
import { createLineStream } from '../../../src/sinks/influxdb/stream.ts';
import { lineBatch, seriesOf } from './helpers.ts';

const many = lineBatch({
  series: Array.from({ length: 3000 }, (_, at) => seriesOf(`m.f${at}`)),
  values: Float64Array.from({ length: 3000 }, (_, at) => at),
});

/** Takes some turns of the event loop for each body, and looks whether it stays as it is. */
function slowSettler() {
  const seen = new Set<Body>();
  let [now, most, lines, changed] = [0, 0, 0, 0];
  const settler = {
    stop: undefined as unknown,
    async settle(body: Body) {
      seen.add(body);
      most = Math.max(most, ++now);
      const text = body.bytes.toString('latin1', 0, body.length);
      for (let turns = 0; turns < 3; turns++) await turn();
      if (body.bytes.toString('latin1', 0, body.length) !== text) changed++;
      lines += body.lines;
      now--;
    },
  };
  return { settler, seen, counts: () => ({ most, lines, changed }) };
}

function open() {
  const slow = slowSettler();
  const stream = createLineStream(createLineWriter('seed'));
  stream.begin(slow.settler);
  return { ...slow, stream };
}

describe('a stream of bodies', () => {
  it('has two on their way at most, of four in all, and none is touched meanwhile', async () => {
    const { stream, seen, counts } = open();
    for (let at = 0; at < 40; at++) await stream.add(many, { index: at });
    await stream.drain();
    expect(counts()).toEqual({ most: 2, lines: 40 * 3000, changed: 0 });
    expect(seen.size).toBeLessThanOrEqual(4);
  });

  it('sends nothing more after a stop, and uses its bodies again', async () => {
    const { stream, settler, seen, counts } = open();
    await stream.add(many, { index: 0 });
    await stream.add(many, { index: 1 });
    settler.stop = 'stopped';
    await stream.add(many, { index: 2 });
    await stream.drain();
    expect(counts().lines).toBe(5000);
    settler.stop = undefined;
    await stream.add(many, { index: 0 });
    await stream.drain();
    expect(counts()).toEqual({ most: 1, lines: 8000, changed: 0 });
    expect(seen.size).toBeLessThanOrEqual(3);
  });
});
