/** `setup kafka` and `check --connect` on a real Kafka, looked at by Kafka's own admin. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '@metricstream/shared/cli/program.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, kafkaAdmin, sharedKafka, startKafka } from '../../../../test/services/index.ts';
import { checkKafka, setupKafka, setupKafkaVerb } from '../../src/setup/kafka.ts';
import type { KafkaSettings } from '../../src/sinks/kafka/settings.ts';
import { clientOf, ownName } from '../sinks/kafka/testing.ts';

const MiB = 1024 * 1024;

function settingsFor(brokers: readonly string[], but: Partial<KafkaSettings> = {}): KafkaSettings {
  const topic = ownName('raw');
  return {
    connection: { brokers, sasl: undefined, tls: undefined },
    topic,
    deadLetterTopic: `${topic}-dead`,
    partitions: 3,
    replication: 1,
    encoding: 'batch',
    compression: 'zstd',
    hot: { answer: 'off', share: 0.2, windowMs: 60_000 },
    inFlightBytesMax: 32 * MiB,
    ...but,
  };
}

const shape = (topic: string, partitions: number) =>
  `topic ${topic}: ${partitions === 1 ? '1 partition' : `${partitions} partitions`}, 1 copy of each, min.insync.replicas 1`;

describe.runIf(await available('kafka'))('setup kafka', () => {
  it('says what it would make, makes it, and changes nothing the second time', async () => {
    const { brokers } = await sharedKafka();
    const hot = { answer: 'dedicated_partition', share: 0.2, windowMs: 60_000 } as const;
    const settings = settingsFor(brokers, { hot });
    const { topic, deadLetterTopic } = settings;
    expect(await setupKafka({ settings, dryRun: true })).toEqual([
      { level: 'ok', what: `would make ${shape(topic, 4)}` },
      { level: 'ok', what: `would make ${shape(deadLetterTopic, 1)}` },
    ]);
    await expect(kafkaAdmin(brokers).describeTopic(topic)).rejects.toThrow('UnknownTopic');
    expect(await setupKafka({ settings })).toEqual([
      { level: 'ok', what: `made ${shape(topic, 4)}` },
      { level: 'ok', what: `made ${shape(deadLetterTopic, 1)}` },
    ]);
    expect(await kafkaAdmin(brokers).describeTopic(topic)).toHaveLength(4);
    expect(await setupKafka({ settings })).toEqual([
      { level: 'ok', what: `${shape(topic, 4)}, as wanted` },
      { level: 'ok', what: `${shape(deadLetterTopic, 1)}, as wanted` },
    ]);
    const found = await clientOf({ brokers }).describeTopic(topic);
    expect(found?.config).toMatchObject({ 'max.message.bytes': String(4 * MiB + 65_536) });
  });

  it('adds partitions only when asked to, and takes none away', async () => {
    const { brokers } = await sharedKafka();
    const settings = settingsFor(brokers);
    await setupKafka({ settings });
    const more = { ...settings, partitions: 5 };
    const count = async () => (await kafkaAdmin(brokers).describeTopic(settings.topic)).length;
    expect(await setupKafka({ settings: more })).toMatchObject([
      { level: 'fail', what: `topic ${settings.topic} has 3 partitions, wanted are 5` },
      { level: 'ok' },
    ]);
    expect(await setupKafka({ settings: more, addPartitions: true, dryRun: true })).toMatchObject([
      { level: 'ok', what: expect.stringContaining('would grow') },
      { level: 'ok' },
    ]);
    expect(await count()).toBe(3);
    expect(await setupKafka({ settings: more, addPartitions: true })).toMatchObject([
      { level: 'ok', what: expect.stringContaining('from 3 to 5 partitions') },
      { level: 'ok' },
    ]);
    expect(await count()).toBe(5);
    expect(await setupKafka({ settings, addPartitions: true })).toMatchObject([
      { level: 'fail', fix: expect.stringContaining('Kafka cannot take partitions away') },
      { level: 'ok' },
    ]);
    expect(await count()).toBe(5);
  });

  it('makes nothing when there are fewer brokers than copies, and says which way out', async () => {
    const { brokers } = await sharedKafka();
    const settings = settingsFor(brokers, { replication: 3 });
    const lines = await setupKafka({ settings });
    expect(lines[0]).toEqual({
      level: 'fail',
      what: `topic ${settings.topic} is not made: 3 copies of each partition need as many brokers, and 1 is up`,
      fix: 'start more brokers, or set sinks.kafka.replication: 1',
    });
    expect(lines).toHaveLength(2);
    await expect(kafkaAdmin(brokers).describeTopic(settings.topic)).rejects.toThrow('UnknownTopic');
  });

  it('is a verb: lines or JSON on stdout, 0 when all is as wanted, 1 when not, 69 when nobody answers', async () => {
    const { brokers } = await sharedKafka();
    const dir = mkdtempSync(join(tmpdir(), 'ms-setup-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const file = join(dir, 'collector.yaml');
    const topic = ownName('raw');
    const run = async (but: Record<string, unknown>, ...flags: string[]) => {
      const kafka = { brokers, topic, dead_letter_topic: `${topic}-dead`, partitions: 2, replication: 1, ...but };
      writeFileSync(file, JSON.stringify({ state_dir: dir, sinks: { kafka } }));
      const said = { out: '', err: '' };
      const io = { out: (text: string) => void (said.out += text), err: (text: string) => void (said.err += text) };
      const verbs = [{ name: 'setup', summary: 'Set up', examples: [], verbs: [setupKafkaVerb()] }];
      const spec = { name: 'test', version: '0', description: 'test', verbs };
      return { code: await runProgram(spec, ['setup', 'kafka', '-c', file, ...flags], io), ...said };
    };
    expect(await run({}, '--dry-run')).toMatchObject({ code: 0, out: expect.stringContaining('ok    would make') });
    expect(await run({})).toMatchObject({ code: 0, err: '' });
    const json = await run({ partitions: 1 }, '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject([{ level: 'fail' }, { level: 'ok' }]);
    expect(await run({ brokers: ['127.0.0.1:1'] })).toMatchObject({
      code: 69,
      err: expect.stringContaining('127.0.0.1:1'),
    });
  });
});

describe.runIf(await available('kafka'))('check --connect, of Kafka', () => {
  it('looks at every broker of the list, the topics, and the permission to write', async () => {
    const { brokers } = await sharedKafka();
    const settings = settingsFor([...brokers, '127.0.0.1:1']);
    const { topic, deadLetterTopic } = settings;
    const up = { level: 'ok', what: `Kafka at ${brokers[0]} answers as broker 1; 1 broker is up, controller 1` };
    const down = {
      level: 'fail',
      what: expect.stringContaining('127.0.0.1:1'),
      fix: expect.any(String),
      unreachable: true,
    };
    expect(await checkKafka(settings)).toEqual([
      up,
      down,
      { level: 'fail', what: `topic ${topic} is not there`, fix: 'metricstream-collector setup kafka' },
      { level: 'fail', what: `topic ${deadLetterTopic} is not there`, fix: 'metricstream-collector setup kafka' },
    ]);
    await setupKafka({ settings });
    expect(await checkKafka(settings)).toEqual([
      up,
      down,
      { level: 'ok', what: shape(topic, 3) },
      { level: 'ok', what: `topic ${topic} may be written` },
      { level: 'ok', what: shape(deadLetterTopic, 1) },
      { level: 'ok', what: `topic ${deadLetterTopic} may be written` },
    ]);
  });

  it('looks no further when nobody answers', async () => {
    expect(await checkKafka(settingsFor(['127.0.0.1:1']))).toMatchObject([{ level: 'fail', unreachable: true }]);
  });

  it('tells of a broker that clients are sent to and cannot reach, and of copies that are missing', {
    timeout: 60_000,
  }, async () => {
    // A broker that is silent is named to clients for as long.
    const kafka = await startKafka({ nodes: 3, config: { 'broker.session.timeout.ms': '15000' } });
    const settings = settingsFor(kafka.brokers.slice(0, 1), { replication: 3 });
    await setupKafka({ settings });
    expect((await checkKafka(settings)).map(({ level }) => level)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    kafka.pause(2);
    const lines = await checkKafka(settings);
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'fail',
        what: expect.stringContaining(`broker 2 says that clients reach it at ${kafka.brokers[1]}`),
      }),
    );
    kafka.resume(2);
    await kafka.kill9(3);
    const warning = expect.stringContaining('are not in sync');
    await expect
      .poll(async () => await checkKafka(settings), { timeout: 20_000 })
      .toContainEqual(expect.objectContaining({ level: 'warn', what: warning }));
    await kafka.stop();
  });
});
