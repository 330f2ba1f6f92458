import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { expect, onTestFinished, test } from 'vitest';
import type { TopicDescription } from '../../../src/sinks/kafka/client.ts';
import { createTopicWatch } from '../../../src/sinks/kafka/topic-watch.ts';

type Answer = number | undefined | Error;

function rig(answers: Answer[], config: Record<string, string> = {}, partitionsWaiting = 0) {
  const said: string[] = [];
  const log = { ...silentLog, info: (message: string) => said.push(message) };
  const describeTopic = async (topic: string): Promise<TopicDescription | undefined> => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    if (answer === undefined) return undefined;
    const partitions = Array.from({ length: answer }, (_, partition) => {
      return { partition, leader: 1, replicas: [1], inSync: [1] };
    });
    return { topic, partitions, replication: 1, config };
  };
  const options = { client: { describeTopic }, topic: 't', partitions: 12, partitionsWaiting, log, lookAgainMs: 1 };
  const watch = createTopicWatch(options);
  const over = new AbortController();
  onTestFinished(() => over.abort());
  void watch.run(over.signal);
  return { watch, said, fault: () => watch.fault(new AbortController().signal) };
}

test('nothing is sent before the topic is known; who waits is told why, and may leave', async () => {
  const { watch } = rig([new MetricStreamError('unreachable', 'nobody answers')]);
  const leaving = new AbortController();
  const fault = watch.fault(leaving.signal);
  while (watch.waiting() !== 'nobody answers') await new Promise((resolve) => setImmediate(resolve));
  leaving.abort();
  expect(await fault).toEqual({ kind: 'retry', why: 'nobody answers' });
});

test('a topic that is missing, too small or not to be looked at halts, and says what to do', async () => {
  expect(await rig([undefined]).fault()).toMatchObject({ kind: 'halt', why: expect.stringMatching(/setup kafka"$/) });
  expect(await rig([11]).fault()).toMatchObject({
    kind: 'halt',
    why: expect.stringMatching(/has 11 .* 12 are needed/),
  });
  const forbidden = new MetricStreamError('config_invalid', 'not allowed: set an ACL');
  expect(await rig([forbidden]).fault()).toEqual({ kind: 'halt', why: 'not allowed: set an ACL' });
});

test('to lower the partitions is advised only while no batch waits for them', async () => {
  expect(await rig([11], {}, 11).fault()).toMatchObject({ why: expect.stringMatching(/or lower sinks/) });
  expect(await rig([11], {}, 12).fault()).toMatchObject({ why: expect.stringMatching(/that wait .* as it was$/) });
  const { watch, fault } = rig([11, 11, 12]);
  expect([await fault(), watch.hasBeenFit()]).toMatchObject([{ kind: 'halt' }, false]);
  while ((await fault()) !== undefined) await new Promise((resolve) => setImmediate(resolve));
  expect(watch.hasBeenFit()).toBe(true);
});

test('a topic that grows is fit at the next look; one that cannot be asked any more stays as it was', async () => {
  const { watch, fault } = rig([3, 12, new MetricStreamError('unreachable', 'away')]);
  expect(await fault()).toMatchObject({ kind: 'halt' });
  while ((await fault()) !== undefined) await new Promise((resolve) => setImmediate(resolve));
  expect(watch.waiting()).toBe('');
});

test('more partitions than are used is fine, and said once; requests keep below the topic’s own limit', async () => {
  const { watch, said, fault } = rig([24], { 'max.message.bytes': '100000' });
  expect(await fault()).toBeUndefined();
  expect(said).toHaveLength(1);
  expect(watch.requestBytesMax()).toBe(90_000);
});
