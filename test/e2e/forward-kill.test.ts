/**
 * A forwarder killed between the write and the commit, every time: a gate in front of the real InfluxDB lets the write
 * through and its answer not. What was written comes again and is the same point; in the files it is counted by triple.
 */
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, onTestFinished, test } from 'vitest';
import { available, sharedInflux1, sharedKafka } from '../services/index.ts';
import { createWorld, figuresOf } from './forward-kit.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { until } from './sinks.ts';
import { epochsOf, influxLedger } from './topic-ledger.ts';

const KILLS = 3;

interface Gate {
  url: string;
  /** Resolves when InfluxDB has stored a write whose answer the gate keeps; from then on nothing is answered. */
  caught(): Promise<void>;
  /** Answers again. */
  open(): void;
}

async function gateTo(url: string): Promise<Gate> {
  const target = new URL(url);
  let waiting: (() => void) | undefined;
  let shut = false;
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url: path } = incoming;
    const onward = forward({ host: target.hostname, port: target.port, method, path, headers }, (answer) => {
      if (path?.startsWith('/write') === true && answer.statusCode === 204 && waiting !== undefined) {
        waiting();
        waiting = undefined;
        shut = true;
      }
      if (shut) return;
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caught: () => new Promise((resolve) => (waiting = resolve)),
    open() {
      shut = false;
    },
  };
}

describe.runIf(await available('sharedKafka', 'sharedInflux1', 'kafka'))('a forwarder that is killed', () => {
  test(`${KILLS} times between write and commit leaves each point in InfluxDB once`, { timeout: 150_000 }, async () => {
    const [{ brokers }, { url }] = await Promise.all([sharedKafka(), sharedInflux1()]);
    const gate = await gateTo(url);
    const world = await createWorld({ name: 'forward-kill', brokers, influxUrl: gate.url });
    for (let kill = 0; kill < KILLS; kill++) {
      const caught = gate.caught();
      const forwarder = await world.start('one');
      await world.feed({ clients: 30, batches: 10 });
      await caught;
      await forwarder.kill9();
      gate.open();
    }
    const last = await world.start('one');
    await world.passed('influxdb');
    const { points_stored: again } = await figuresOf(last, 'influxdb');
    expect(await last.stop(), last.lastWords()).toMatchObject({ code: 0 });
    const sent = new Set(world.sent.keys());
    // Nothing was ever committed before the last one: what the killed ones wrote, it wrote again.
    expect(again).toBe(sent.size * 5);
    const found = await influxLedger({ url, db: world.db }, epochsOf(sent));
    expect(reconcile(found, world.sent, sent)).toEqual({ lost: [], repeated: [], invented: [], stored: sent.size });
  });

  test(`${KILLS} times at any moment leaves whole lines, each batch at least once`, { timeout: 150_000 }, async () => {
    const { brokers } = await sharedKafka();
    const world = await createWorld({ name: 'forward-kill-files', brokers });
    const random = seeded(77);
    let forwarder = await world.start('one', { jsonl: true });
    const feeding = new AbortController();
    const fed = (async () => {
      while (!feeding.signal.aborted) {
        await world.feed({ clients: 60, batches: 1 });
        await delay(10);
      }
    })();
    for (let kill = 0; kill < KILLS; kill++) {
      await until(async () => (await figuresOf(forwarder, 'jsonl')).points_stored > 0);
      await delay(random.int(400));
      await forwarder.kill9();
      forwarder = await world.start('one', { jsonl: true });
    }
    feeding.abort();
    await fed;
    await world.passed('jsonl');
    expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });
    const sent = new Set(world.sent.keys());
    const lines = linesByTriple(world.jsonlDir('one'));
    const { lost, invented, repeated, stored } = reconcile(lines, world.sent, sent);
    expect({ lost, invented, stored }, `seed ${random.seed}`).toEqual({ lost: [], invented: [], stored: sent.size });
    // At least once: only whole batches come again, at most those of one delivery a kill.
    for (const triple of repeated) expect((lines.get(triple) ?? 0) % 5, triple).toBe(0);
    expect(repeated.length).toBeLessThan(sent.size / 2);
  });
});
