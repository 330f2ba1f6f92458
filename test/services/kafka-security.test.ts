import { describe, expect, it } from 'vitest';
import { available, type KafkaCluster, kafkaAdmin, startKafka } from './index.ts';

type Properties = Record<string, string>;

/** Makes a topic by Java's client with the right settings, which the listener without security then shows. */
async function check(kafka: KafkaCluster, right: Properties, wrong: Properties, reason: string): Promise<void> {
  const topic = 'secured';
  await kafkaAdmin(kafka.brokers, right).createTopic({ topic, partitions: 1 });
  expect(await kafkaAdmin(kafka.plainBrokers).describeTopic(topic)).toHaveLength(1);
  await expect(kafkaAdmin(kafka.brokers, wrong).describeTopic(topic)).rejects.toThrow(reason);
}

function user({ username }: KafkaCluster, mechanism: string, password: string): Properties {
  const module = mechanism === 'PLAIN' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule';
  return {
    'security.protocol': 'SASL_PLAINTEXT',
    'sasl.mechanism': mechanism,
    'sasl.jaas.config': `org.apache.kafka.common.security.${module} required username="${username}" password="${password}";`,
  };
}

async function checkUser(kafka: KafkaCluster, mechanism: string): Promise<void> {
  const [right, wrong] = [kafka.password, 'another'].map((password) => user(kafka, mechanism, password));
  await check(kafka, right ?? {}, wrong ?? {}, 'SaslAuthenticationException');
}

describe.runIf(await available('kafka'))('Kafka with users', () => {
  it('takes the right password in plain text, and no other', async () => {
    await checkUser(await startKafka({ security: 'sasl_plain' }), 'PLAIN');
  });

  it('takes the right password by SCRAM, and no other', async () => {
    const kafka = await startKafka({ security: 'scram' });
    await checkUser(kafka, 'SCRAM-SHA-256');
    await kafkaAdmin(kafka.plainBrokers).deleteTopic('secured');
    await checkUser(kafka, 'SCRAM-SHA-512');
  });
});

describe.runIf(await available('kafka', 'kafkaTls'))('Kafka with TLS', () => {
  it('is trusted by who has its certificate, and by nobody else', async () => {
    const kafka = await startKafka({ security: 'tls' });
    const wrong = { 'security.protocol': 'SSL' };
    const right = { ...wrong, 'ssl.truststore.type': 'PEM', 'ssl.truststore.location': kafka.caFile ?? '' };
    await check(kafka, right, wrong, 'SslAuthenticationException');
  });
});
