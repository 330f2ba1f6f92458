/** Every error code of Kafka that a produce can be answered with, and what kafkajs itself throws. */
import { describe, expect, it } from 'vitest';
import { errorOf, faultOf, outcomeOf } from '../../../src/sinks/kafka/kafkajs-errors.ts';

const connection = {
  brokers: ['k1:9092', 'k2:9092'],
  sasl: { mechanism: 'plain', username: 'ms', password: 'do-not-tell' },
  tls: undefined,
} as const;
const where = { connection, topic: 't', partition: 3 };

function answer(type: string): Error {
  return Object.assign(new Error(`says ${type}`), { name: 'KafkaJSProtocolError', type });
}

/** As kafkajs wraps it when it does not try again. */
function wrapped(error: Error): Error {
  return Object.assign(new Error(error.message, { cause: error }), { name: 'KafkaJSNumberOfRetriesExceeded' });
}

describe('the outcome of a produce', () => {
  const table: Record<string, string[]> = {
    retry: [
      'NOT_ENOUGH_REPLICAS',
      'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
      'NOT_LEADER_FOR_PARTITION',
      'LEADER_NOT_AVAILABLE',
      'REQUEST_TIMED_OUT',
      'NETWORK_EXCEPTION',
      'KAFKA_STORAGE_ERROR',
      'REPLICA_NOT_AVAILABLE',
      'BROKER_NOT_AVAILABLE',
      'FENCED_LEADER_EPOCH',
      'UNKNOWN_LEADER_EPOCH',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN',
      'CORRUPT_MESSAGE',
      'KAFKAJS_UNKNOWN_ERROR_CODE',
      'A_CODE_OF_NEXT_YEAR',
    ],
    too_large: ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'],
    rejected: ['INVALID_RECORD', 'INVALID_TIMESTAMP', 'UNSUPPORTED_FOR_MESSAGE_FORMAT'],
    halt: [
      'TOPIC_AUTHORIZATION_FAILED',
      'CLUSTER_AUTHORIZATION_FAILED',
      'INVALID_REQUIRED_ACKS',
      'INVALID_TOPIC_EXCEPTION',
      'UNSUPPORTED_COMPRESSION_TYPE',
      'POLICY_VIOLATION',
      'UNSUPPORTED_VERSION',
      'UNSUPPORTED_SASL_MECHANISM',
      'SASL_AUTHENTICATION_FAILED',
    ],
  };
  const cases = Object.entries(table).flatMap(([kind, types]) => types.map((type) => [type, kind] as const));

  it.each(cases)('of %s is %s, wrapped or not', (type, kind) => {
    for (const error of [answer(type), wrapped(answer(type)), wrapped(wrapped(answer(type)))])
      expect(outcomeOf(faultOf(error), where).kind).toBe(kind);
  });

  it('is under suspicion only where the messages themselves may be the cause', () => {
    expect(outcomeOf(faultOf(answer('UNKNOWN')), where)).toMatchObject({ suspect: true });
    expect(outcomeOf(faultOf(answer('NOT_ENOUGH_REPLICAS')), where)).not.toHaveProperty('suspect');
  });

  it('is a retry for a connection that fails, and a halt for a certificate that does not fit', () => {
    const failed = (code: string) => Object.assign(new Error(code), { name: 'KafkaJSConnectionError', code });
    for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND'])
      expect(outcomeOf(faultOf(wrapped(failed(code))), where).kind, code).toBe('retry');
    for (const code of ['DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'])
      expect(outcomeOf(faultOf(wrapped(failed(code))), where).kind, code).toBe('halt');
  });

  it('names the topic, the partition and what to do, and no secret', () => {
    const denied = outcomeOf(faultOf(answer('TOPIC_AUTHORIZATION_FAILED')), where);
    expect(denied).toEqual({
      kind: 'halt',
      why: 'Kafka does not let ms use topic t: give ms Write, Read and Describe on it (kafka-acls.sh --add --topic)',
    });
    expect(outcomeOf(faultOf(answer('NOT_ENOUGH_REPLICAS')), where)).toEqual({
      kind: 'retry',
      why: 'topic t, partition 3: NOT_ENOUGH_REPLICAS: says NOT_ENOUGH_REPLICAS',
    });
  });
});

describe('the error of a question', () => {
  it('is unreachable with the brokers and a way out, or a fault of the configuration', () => {
    const refused = Object.assign(new Error('connect'), { name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' });
    expect(errorOf(wrapped(refused), where)).toMatchObject({
      code: 'unreachable',
      message:
        'Kafka at k1:9092, k2:9092 does not answer (connect): nothing listens there: start the broker, or check the port',
    });
    const several = Object.assign(new Error('several'), { errors: [answer('INVALID_REPLICATION_FACTOR')] });
    expect(errorOf(several, where)).toMatchObject({ code: 'config_invalid' });
    expect(errorOf(answer('UNKNOWN_TOPIC_OR_PARTITION'), where).message).toBe(
      'topic t is not there: make it with "metricstream-collector setup kafka"',
    );
  });
});
