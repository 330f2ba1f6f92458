/** A process of a test: joins argv's group of a topic as a member, leaves after so many ms or once it has `joined`, and has nothing more to do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '@metricstream/shared/log.ts';
import { startMembership } from '../../../src/sources/kafka/kafkajs-membership.ts';

const [brokers = '', group = '', topic = '', leaveAfterMs = ''] = process.argv.slice(2);
const assigned = Promise.withResolvers<void>();
const membership = startMembership({
  connection: { brokers: brokers.split(','), sasl: undefined, tls: undefined },
  group,
  topic,
  log: silentLog,
  seed: 0,
  partitionBytesMax: 1e6,
  sessionTimeoutMs: 10_000,
  onAssigned: () => assigned.resolve(),
  onRevoked: () => undefined,
  onBatch: () => true,
  onBlocked: () => undefined,
});
await (leaveAfterMs === 'joined' ? assigned.promise : sleep(Number(leaveAfterMs)));
membership.stop();
await membership.leave();
process.stdout.write('left');
