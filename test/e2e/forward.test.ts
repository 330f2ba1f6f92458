/** The forwarder on real servers: topic to InfluxDB and files, shared by any number, reconciled per triple and per point. */
import { expect, describe, test } from 'vitest';
import { available, kafkaAdmin, sharedInflux1, sharedKafka } from '../services/index.ts';
import { createWorld, figuresOf, PARTITIONS } from './forward-kit.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { until } from './sinks.ts';
import { epochsOf, influxLedger } from './topic-ledger.ts';

describe.runIf(await available('sharedKafka', 'sharedInflux1', 'kafka'))('a forwarder', () => {
  for (const encoding of ['batch', 'json'] as const)
    test(`brings a topic with encoding ${encoding} to InfluxDB and to files, each point once, and leaves cleanly`, {
      timeout: 60_000,
    }, async () => {
      const [{ brokers }, { url }] = await Promise.all([sharedKafka(), sharedInflux1()]);
      const world = await createWorld({ name: `forward-${encoding}`, brokers, influxUrl: url, encoding });
      await world.feed({ clients: 40, batches: 25 });
      const forwarder = await world.start('one', { jsonl: true });
      await Promise.all([world.passed('influxdb'), world.passed('jsonl')]);
      await world.feed({ clients: 40, batches: 25 });
      await Promise.all([world.passed('influxdb'), world.passed('jsonl')]);

      const metrics = await (await fetch(`${forwarder.admin}/metrics`)).text();
      expect(metrics).toContain(`metricstream_forward_points_stored_total{sink="influxdb"} ${40 * 50 * 5}`);
      expect(metrics).toMatch(/metricstream_forward_lag_messages\{sink="jsonl",partition="11"\} \d/);
      expect(await (await fetch(`${forwarder.admin}/readyz`)).json()).toEqual({ ready: true, reasons: [] });
      expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });

      const sent = new Set(world.sent.keys());
      const expected = { lost: [], repeated: [], invented: [], stored: sent.size };
      const found = await influxLedger({ url, db: world.db }, epochsOf(sent));
      expect(reconcile(found, world.sent, sent)).toEqual(expected);
      expect(reconcile(linesByTriple(world.jsonlDir('one')), world.sent, sent)).toEqual(expected);
      const members = (await kafkaAdmin(brokers).describeGroup(`${world.group}-influxdb`)).map(({ member }) => member);
      expect(new Set(members)).toEqual(new Set(['']));
    });

  test('shares the partitions with others, and one that leaves hands its own over', { timeout: 90_000 }, async () => {
    const [{ brokers }, { url }] = await Promise.all([sharedKafka(), sharedInflux1()]);
    const world = await createWorld({ name: 'forward-shared', brokers, influxUrl: url });
    const one = await world.start('one', { jsonl: true });
    const two = await world.start('two', { jsonl: true });
    const share = async () => {
      const both = await Promise.all([one, two].map((app) => figuresOf(app, 'jsonl')));
      return both.map(({ partitions }) => partitions.length);
    };
    await until(async () => (await share()).every((partitions) => partitions === PARTITIONS / 2));
    await world.feed({ clients: 60, batches: 20 });
    await Promise.all([world.passed('influxdb'), world.passed('jsonl')]);
    expect((await figuresOf(one, 'jsonl')).points_stored).toBeGreaterThan(0);
    expect((await figuresOf(two, 'jsonl')).points_stored).toBeGreaterThan(0);
    expect(await two.stop(), two.lastWords()).toMatchObject({ code: 0 });
    await world.feed({ clients: 60, batches: 20 });
    await Promise.all([world.passed('influxdb'), world.passed('jsonl')]);
    expect(await one.stop(), one.lastWords()).toMatchObject({ code: 0 });

    const sent = new Set(world.sent.keys());
    const lines = linesByTriple(world.jsonlDir('one'));
    for (const [triple, points] of linesByTriple(world.jsonlDir('two')))
      lines.set(triple, (lines.get(triple) ?? 0) + points);
    const expected = { lost: [], repeated: [], invented: [], stored: sent.size };
    expect(reconcile(lines, world.sent, sent)).toEqual(expected);
    expect(reconcile(await influxLedger({ url, db: world.db }, epochsOf(sent)), world.sent, sent)).toEqual(expected);
  });

  test('does not write to files that another one writes to, and says whose they are', { timeout: 60_000 }, async () => {
    const { brokers } = await sharedKafka();
    const world = await createWorld({ name: 'forward-locked', brokers });
    const one = await world.start('same', { jsonl: true });
    await expect(world.start('same', { jsonl: true })).rejects.toThrow(
      /ended with exit code 1[^]*in use by another forwarder[^]*forward\.jsonl\.dir/,
    );
    expect(await one.stop()).toMatchObject({ code: 0 });
  });
});
