import { describe, expect, it } from 'vitest';
import { available, kafkaAdmin, kcat, readTopic, sharedKafka, startKafka } from './index.ts';
import { brokersAlive } from './kafka-wire.ts';

describe.runIf(await available('kafka', 'sharedKafka', 'kcat'))('Apache Kafka', () => {
  const alive = (address = '') => brokersAlive(address, AbortSignal.timeout(1000));

  it('is shared by all who ask', async () => {
    const [one, other] = await Promise.all([sharedKafka(), sharedKafka()]);
    expect(other).toEqual(one);
    expect(await alive(one.brokers[0])).toEqual([1]);
  });

  it('is gone after kill9, and back on the same port with its messages after start', async () => {
    const kafka = await startKafka();
    const { brokers, pids } = kafka;
    const [pid = 0] = pids;
    await kafkaAdmin(brokers).createTopic({ topic: 'kept', partitions: 1 });
    await kcat(['-b', brokers.join(','), '-t', 'kept', '-P'], 'one\ntwo\n');
    await kafka.kill9();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expect(alive(kafka.brokers[0])).rejects.toThrow('ECONNREFUSED');
    await kafka.start();
    expect(await alive(kafka.brokers[0])).toEqual([1]);
    expect(kafka.pids).not.toContain(pid);
    expect((await readTopic(brokers, 'kept')).map(({ value }) => String(value))).toEqual(['one', 'two']);
  });

  it('as three nodes goes on without one of them, which can come back', async () => {
    const kafka = await startKafka({ nodes: 3 });
    const all = [1, 2, 3];
    expect(await Promise.all(kafka.brokers.map(alive))).toEqual([all, all, all]);
    await kafka.kill9(2);
    await expect.poll(() => alive(kafka.brokers[0]), { timeout: 10_000 }).toEqual([1, 3]);
    await kafka.start(2);
    expect(await alive(kafka.brokers[1])).toContain(2);
    await kafka.stop();
  });
});
