/** SASL, TLS and permissions against real listeners; the data read without any of it. */
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, silentLog } from '@metricstream/shared/log.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, type KafkaCluster, readTopic, startKafka } from '../../../../../test/services/index.ts';
import { openKafka } from '../../../src/sinks/kafka/kafkajs.ts';
import type { SASL_MECHANISMS } from '../../../src/sinks/kafka/settings.ts';
import { openKafkaConsumer } from '../../../src/sources/kafka/kafkajs-consumer.ts';
import { clientOf, connectionTo, message, never, newTopic, type Open, ownName } from './testing.ts';

type Mechanism = (typeof SASL_MECHANISMS)[number];

/** Writes through the client, reads by Kafka's consumer without security and by ours with it. */
async function checkRoundTrip(kafka: KafkaCluster, open: Open): Promise<void> {
  const client = clientOf(open);
  await client.connect(AbortSignal.timeout(10_000));
  const topic = await newTopic(client);
  const value = randomBytes(100);
  expect(await client.produce({ topic, partition: 0, messages: [message(value)] }, never)).toMatchObject({
    kind: 'stored',
  });
  expect((await readTopic(kafka.plainBrokers, topic)).map((one) => one.value)).toEqual([value]);
  const consumer = openKafkaConsumer({ connection: connectionTo(open), group: ownName(), topic, log: silentLog });
  const batch = await consumer.take(AbortSignal.timeout(10_000));
  expect(batch?.messages.map((one) => one.value)).toEqual([value]);
  await consumer.close();
}

const halted = (why: string) => ({ kind: 'halt', why: expect.stringContaining(why) });

describe.runIf(await available('kafka'))('Kafka with security', () => {
  const timeout = 60_000;

  it.each(['scram-sha-256', 'scram-sha-512'] satisfies Mechanism[])(
    'is used by %s; a wrong password halts, and is not told',
    { timeout },
    async (mechanism) => {
      const kafka = await startKafka({ security: 'scram' });
      const { brokers, username, password } = kafka;
      const sasl = Object.freeze({ mechanism, username, password });
      await checkRoundTrip(kafka, { brokers, sasl });
      const lines: string[] = [];
      const log = createLog({
        component: 'test',
        level: 'debug',
        format: 'json',
        write: (line) => void lines.push(line),
      });
      const wrong = clientOf({ brokers, sasl: { ...sasl, password: 'quite-wrong' }, log });
      const outcome = await wrong.produce({ topic: 'any', partition: 0, messages: [message('x')] }, never);
      expect(outcome).toEqual(halted(`Kafka refuses the credentials of ${username}`));
      await expect(wrong.connect(never)).rejects.toMatchObject({ code: 'config_invalid' });
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.join('') + JSON.stringify(outcome)).not.toMatch(/quite-wrong|not-a-secret/);
      await kafka.stop();
    },
  );

  it('is used by plain; another mechanism halts, and none at all is told', { timeout }, async () => {
    const kafka = await startKafka({ security: 'sasl_plain' });
    const { brokers, username, password } = kafka;
    const sasl = { mechanism: 'plain', username, password } as const;
    await checkRoundTrip(kafka, { brokers, sasl });
    const other = clientOf({ brokers, sasl: { ...sasl, mechanism: 'scram-sha-256' } });
    expect(await other.produce({ topic: 'any', partition: 0, messages: [message('x')] }, never)).toEqual(
      halted('does not offer scram-sha-256'),
    );
    expect(await clientOf({ brokers }).probe(brokers[0] ?? '')).toMatchObject({
      up: false,
      fix: expect.stringContaining('sinks.kafka.sasl'),
    });
    await kafka.stop();
  });

  it('is used over TLS; a certificate that nobody vouches for halts, unless told not to verify', {
    timeout,
  }, async () => {
    const kafka = await startKafka({ security: 'tls' });
    const { brokers, caFile = '' } = kafka;
    const files = { certFile: '', keyFile: '', verify: true };
    await checkRoundTrip(kafka, { brokers, tls: { ...files, caFile } });
    await checkRoundTrip(kafka, { brokers, tls: { ...files, caFile: '', verify: false } });
    const produce = (open: Open) =>
      clientOf(open).produce({ topic: 'a', partition: 0, messages: [message('x')] }, never);
    expect(await produce({ brokers, tls: { ...files, caFile: '' } })).toEqual(halted('TLS with Kafka fails'));
    expect(await clientOf({ brokers }).probe(brokers[0] ?? '')).toMatchObject({
      up: false,
      fix: expect.stringContaining('sinks.kafka.tls'),
    });
    await kafka.stop();
  });

  it('takes a certificate file that appears later at the next connection', { timeout }, async () => {
    const kafka = await startKafka({ security: 'tls' });
    const dir = mkdtempSync(join(tmpdir(), 'ms-kafka-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const caFile = join(dir, 'ca.pem');
    const tls = { caFile, certFile: '', keyFile: '', verify: true };
    const client = openKafka({ connection: connectionTo({ brokers: kafka.brokers, tls }), log: silentLog });
    onTestFinished(() => client.close());
    await expect(client.connect(never)).rejects.toThrow(`${caFile} cannot be read`);
    copyFileSync(kafka.caFile ?? '', caFile);
    await client.connect(AbortSignal.timeout(10_000));
    await kafka.stop();
  });

  it('tells what it does not permit', { timeout }, async () => {
    const kafka = await startKafka({
      security: 'sasl_plain',
      config: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
      },
    });
    const { brokers, username, password } = kafka;
    const topic = await newTopic(clientOf({ brokers: kafka.plainBrokers }));
    const client = clientOf({ brokers, sasl: { mechanism: 'plain', username, password } });
    expect(await client.mayWrite(topic)).toBe(false);
    expect(await client.produce({ topic, partition: 0, messages: [message('x')] }, never)).toEqual(
      halted(`Kafka does not let ${username} use topic ${topic}`),
    );
    await expect(
      client.createTopic({ topic: ownName(), partitions: 1, replication: 1, config: {} }),
    ).rejects.toMatchObject({
      code: 'config_invalid',
    });
    await kafka.stop();
  });
});
