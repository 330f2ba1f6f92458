/**
 * A KafkaClient by kafkajs: with sources/kafka/kafkajs-consumer.ts the only place that knows the library; the files named
 * kafkajs-* beside it are its parts. Another client replaces it by writing these two anew.
 */
import type { Log } from '@metricstream/shared/log.ts';
import type { KafkaClient } from './client.ts';
import { createAdmin } from './kafkajs-admin.ts';
import { createProducers } from './kafkajs-producer.ts';
import type { KafkaConnection, KafkaSettings } from './settings.ts';

export interface KafkaClientOptions {
  connection: KafkaConnection;
  /** Of what is produced. Default: none. */
  compression?: KafkaSettings['compression'];
  log: Log;
}

/** Connects to nothing until asked. */
export function openKafka({ connection, compression = 'none', log }: KafkaClientOptions): KafkaClient {
  const producers = createProducers({ connection, compression, log });
  return {
    ...createAdmin({ connection, log }),
    produce: (request, signal) => producers.produce(request, signal),
    troubles: () => producers.troubles(),
    async close() {
      producers.close();
    },
  };
}
