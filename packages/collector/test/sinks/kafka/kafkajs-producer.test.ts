/** What counts as stored. Everything else of the producers is tested on real brokers. */
import { expect, it } from 'vitest';
import { confirmedOffset } from '../../../src/sinks/kafka/kafkajs-producer.ts';

it('only an answer that names the topic and the partition without an error is a yes', () => {
  const request = { topic: 't', partition: 3 };
  const yes = { topicName: 't', partition: 3, errorCode: 0, baseOffset: '17' };
  expect(confirmedOffset([yes], request)).toBe(17);
  expect(confirmedOffset([{ ...yes, partition: 2 }, yes], request)).toBe(17);
  expect(confirmedOffset([], request)).toBeUndefined();
  expect(confirmedOffset([{ ...yes, topicName: 'other' }], request)).toBeUndefined();
  expect(confirmedOffset([{ ...yes, partition: 2 }], request)).toBeUndefined();
  expect(confirmedOffset([{ ...yes, errorCode: 19 }], request)).toBeUndefined();
  expect(confirmedOffset([{ ...yes, baseOffset: undefined }], request)).toBeUndefined();
  expect(confirmedOffset([{ ...yes, baseOffset: '-1' }], request)).toBeUndefined();
});
