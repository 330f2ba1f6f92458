/** The end of a membership: nothing of it stays behind, in the process or in the group. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { silentLog } from '@metricstream/shared/log.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, sharedKafka } from '../../../../../test/services/index.ts';
import { openKafkaConsumer } from '../../../src/sources/kafka/kafkajs-consumer.ts';
import { clientOf, connectionTo, newTopic, ownName } from '../../sinks/kafka/testing.ts';

/** Resolves with what the process said, rejects when it does not end by itself. */
async function joinAndLeave(
  ...args: [brokers: string, group: string, topic: string, leaveAfterMs: string]
): Promise<string> {
  const script = join(import.meta.dirname, 'left-membership.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { timeout: 15_000 });
  return stdout;
}

/** @returns the address of a port where nobody listens. */
async function deadAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

describe('a membership that is left', () => {
  it('lets the process end when it had not found a broker', { timeout: 20_000 }, async () => {
    expect(await joinAndLeave(await deadAddress(), 'group', 'topic', '1000')).toBe('left');
  });
});

describe.runIf(await available('kafka'))('a membership that is left', () => {
  it('lets the process end when it was just about to join', { timeout: 20_000 }, async () => {
    const { brokers } = await sharedKafka();
    const topic = await newTopic(clientOf({ brokers }));
    for (const leaveAfterMs of ['1', '20', '60'])
      expect(await joinAndLeave(brokers.join(), ownName('group'), topic, leaveAfterMs)).toBe('left');
  });

  it('is no member any more, however soon after the join, so that the next one need not wait for it', {
    timeout: 30_000,
  }, async () => {
    const { brokers } = await sharedKafka();
    const topic = await newTopic(clientOf({ brokers }));
    const group = ownName('group');
    expect(await joinAndLeave(brokers.join(), group, topic, 'joined')).toBe('left');
    const assigned = Promise.withResolvers<void>();
    const connection = connectionTo({ brokers });
    const startMs = performance.now();
    const onAssigned = (): void => assigned.resolve();
    const next = openKafkaConsumer({ connection, group, topic, log: silentLog, onAssigned });
    onTestFinished(() => next.close());
    await assigned.promise;
    // The session of one that did not leave ends after 10 s.
    expect(performance.now() - startMs).toBeLessThan(7000);
  });
});
