/**
 * What kafkajs throws, in our words: for a produce whether the same again may pass (every error code that a broker gives
 * for one is in the table), for a question an error that says what to do. Pure. No code is left to chance: an unknown one
 * is a `retry`, under suspicion, so that it never ends in silence or in loss.
 */
import { MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';
import type { ProduceOutcome } from './client.ts';
import type { KafkaConnection } from './settings.ts';

/** What may be read off an error of kafkajs: `type` is the broker's error code by name, `code` a socket's. */
interface Fault {
  name: string;
  type: string | undefined;
  code: string | undefined;
  message: string;
}

/** The fault at the root: kafkajs wraps it in what it thinks of retrying. */
export function faultOf(error: unknown): Fault {
  let at = error;
  for (let depth = 0; depth < 5 && at instanceof Error && !hasType(at) && at.cause instanceof Error; depth++)
    at = at.cause;
  // It gathers what a broker says of several topics; ours asks of one.
  if (at instanceof Error && 'errors' in at && Array.isArray(at.errors)) at = at.errors[0] ?? at;
  if (!(at instanceof Error)) return { name: '', type: undefined, code: undefined, message: messageOf(error) };
  const { type, code } = at as { type?: unknown; code?: unknown };
  return {
    name: at.name,
    type: typeof type === 'string' ? type : undefined,
    code: typeof code === 'string' ? code : undefined,
    message: at.message,
  };
}

function hasType(error: Error): boolean {
  return 'type' in error && typeof error.type === 'string';
}

/** Whether the fault is the broker's own answer, and the connection as good as before. */
export function isAnswer(fault: Fault): boolean {
  return fault.type !== undefined;
}

const ABSENT = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID']);
const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);
/** By the messages' own fault, whoever sends them. */
const REJECTED = new Set(['INVALID_RECORD', 'INVALID_TIMESTAMP', 'UNSUPPORTED_FOR_MESSAGE_FORMAT']);
/** It may be these messages that the broker chokes on. */
const SUSPECT = new Set(['UNKNOWN', 'CORRUPT_MESSAGE', 'KAFKAJS_UNKNOWN_ERROR_CODE', 'INVALID_REQUEST']);
const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|EPROTO|HOSTNAME_MISMATCH|ERR_OSSL_|INVALID_CA)/;

export interface Where {
  connection: KafkaConnection;
  topic?: string;
  partition?: number;
}

/** What is wrong, and what to do about it. */
export interface Reason {
  why: string;
  fix: string;
}

/** Why the cluster will not serve us until somebody mends it; undefined for everything that may pass. */
export function haltReason(fault: Fault, { connection, topic = '' }: Where): Reason | undefined {
  const user = connection.sasl === undefined ? 'nobody' : connection.sasl.username;
  const acl = connection.sasl === undefined ? 'set sinks.kafka.sasl, or ' : '';
  switch (fault.type) {
    case 'TOPIC_AUTHORIZATION_FAILED':
      return {
        why: `Kafka does not let ${user} use topic ${topic}`,
        fix: `${acl}give ${user} Write, Read and Describe on it (kafka-acls.sh --add --topic)`,
      };
    case 'GROUP_AUTHORIZATION_FAILED':
      return {
        why: `Kafka does not let ${user} join the consumer group`,
        fix: `${acl}give ${user} Read on it (kafka-acls.sh --add --group)`,
      };
    case 'CLUSTER_AUTHORIZATION_FAILED':
      return {
        why: `Kafka does not let ${user} do this on the cluster`,
        fix: `${acl}give ${user} Create and Alter on topic ${topic} (kafka-acls.sh --add), or let an administrator do it`,
      };
    case 'INVALID_TOPIC_EXCEPTION':
      return { why: `Kafka refuses the topic name "${topic}"`, fix: 'use letters, digits, ".", "_" and "-"' };
    case 'INVALID_REQUIRED_ACKS':
      return { why: 'Kafka refuses acks=all', fix: 'use brokers of Apache Kafka' };
    case 'UNSUPPORTED_COMPRESSION_TYPE':
      return {
        why: `Kafka does not know the compression for topic ${topic}`,
        fix: 'set sinks.kafka.compression to gzip',
      };
    case 'POLICY_VIOLATION':
      return {
        why: `a policy of the cluster refuses this for topic ${topic}`,
        fix: `ask who runs it: ${fault.message}`,
      };
    case 'INVALID_REPLICATION_FACTOR':
      return { why: `Kafka refuses the copies asked for: ${fault.message}`, fix: 'lower sinks.kafka.replication' };
    case 'INVALID_PARTITIONS':
      return { why: `Kafka refuses the partitions asked for: ${fault.message}`, fix: 'change sinks.kafka.partitions' };
    case 'INVALID_CONFIG':
      return { why: `Kafka refuses a setting of topic ${topic}`, fix: fault.message };
    case 'UNSUPPORTED_SASL_MECHANISM':
      return {
        why: `Kafka does not offer ${connection.sasl?.mechanism ?? 'SASL'}`,
        fix: 'set sinks.kafka.sasl.mechanism to one it does',
      };
    case 'UNSUPPORTED_VERSION':
      return versions(fault);
    case 'SASL_AUTHENTICATION_FAILED':
      return credentials(fault, user);
    default:
  }
  if (fault.name === 'KafkaJSSASLAuthenticationError') return credentials(fault, user);
  if (fault.name === 'KafkaJSServerDoesNotSupportApiKey') return versions(fault);
  if (fault.code !== undefined && TLS_CODES.test(fault.code))
    return {
      why: `TLS with Kafka fails: ${fault.code}: ${fault.message}`,
      fix: 'check sinks.kafka.tls, and that this is a TLS listener',
    };
  return undefined;
}

function credentials(fault: Fault, user: string): Reason {
  return { why: `Kafka refuses the credentials of ${user} (${fault.message})`, fix: 'check sinks.kafka.sasl' };
}

function versions(fault: Fault): Reason {
  return {
    why: `the brokers do not speak the protocol needed (${fault.message})`,
    fix: 'use Apache Kafka 2.1 to 4.x',
  };
}

/** What to do about a broker that could not be asked. */
export function reachReason(fault: Fault, address: string): Reason {
  const why = `Kafka at ${address} does not answer (${fault.message})`;
  if (fault.code === 'ENOTFOUND' || fault.code === 'EAI_AGAIN')
    return { why, fix: 'the name does not resolve: check sinks.kafka.brokers and the DNS' };
  if (fault.code === 'ECONNREFUSED') return { why, fix: 'nothing listens there: start the broker, or check the port' };
  return {
    why,
    fix: 'check the address and firewalls, and whether this listener wants sinks.kafka.tls or sinks.kafka.sasl',
  };
}

/** Whether the topic or partition is not there. It may be new and not known everywhere yet. */
export function isAbsent(fault: Fault): boolean {
  return ABSENT.has(fault.type ?? '');
}

/** @param partition when the topic is there and this partition is not. */
export function absentReason(topic: string, partition?: number): string {
  const setup = 'metricstream-collector setup kafka';
  if (partition === undefined) return `topic ${topic} is not there: make it with "${setup}"`;
  return `topic ${topic} has no partition ${partition}: grow it with "${setup} --add-partitions"`;
}

/** The outcome of a produce that failed with this. */
export function outcomeOf(fault: Fault, where: Where): ProduceOutcome {
  const type = fault.type ?? '';
  const name = `topic ${where.topic}, partition ${where.partition}`;
  if (TOO_LARGE.has(type)) return { kind: 'too_large', why: `${name}: the broker answers ${type}` };
  if (REJECTED.has(type)) return { kind: 'rejected', why: `${name}: the broker answers ${type}: ${fault.message}` };
  const halt = haltReason(fault, where);
  if (halt !== undefined) return { kind: 'halt', why: `${halt.why}: ${halt.fix}` };
  const why = `${name}: ${type === '' ? '' : `${type}: `}${fault.message}`;
  return SUSPECT.has(type) ? { kind: 'retry', why, suspect: true } : { kind: 'retry', why };
}

/** The error of a question that failed with this. */
export function errorOf(error: unknown, where: Where): MetricStreamError {
  if (error instanceof MetricStreamError && error.code !== 'timeout') return error;
  const fault = faultOf(error);
  const halt = haltReason(fault, where);
  if (halt !== undefined) return new MetricStreamError('config_invalid', `${halt.why}: ${halt.fix}`, { cause: error });
  if (isAbsent(fault)) return new MetricStreamError('config_invalid', absentReason(where.topic ?? ''));
  const { why, fix } = reachReason(fault, where.connection.brokers.join(', '));
  const said = fault.type === undefined ? why : `Kafka answers ${fault.type}: ${fault.message}`;
  return new MetricStreamError('unreachable', fault.type === undefined ? `${said}: ${fix}` : said);
}
