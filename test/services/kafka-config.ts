/** What a Kafka node's server.properties hold: KRaft, broker and controller in one process, quick to start and restart. */

export type KafkaSecurity = 'sasl_plain' | 'scram' | 'tls';

export const kafkaUser = { username: 'metricstream', password: 'not-a-secret' };
export const keystorePassword = 'not-a-secret';

export interface NodePorts {
  /** Where clients connect. */
  client: number;
  /** Without security, for the other brokers and for readers that judge. The same as `client` when clients need none. */
  plain: number;
  controller: number;
}

export interface NodeSettings {
  id: number;
  /** Of every node, by id - 1. */
  ports: NodePorts[];
  logDir: string;
  security?: KafkaSecurity;
  keystore?: string;
  /** Put over everything else. */
  config?: Record<string, string>;
}

/** The text of one node's server.properties. */
export function serverProperties({ id, ports, logDir, security, keystore, config }: NodeSettings): string {
  const own = ports[id - 1];
  if (own === undefined) throw new Error(`there is no node ${id}`);
  const copies = String(ports.length);
  const inSyncMin = ports.length > 1 ? '2' : '1';
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': ports.map(({ controller }, index) => `${index + 1}@127.0.0.1:${controller}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': logDir,
    ...listeners(own, security),
    ...securitySettings(security, keystore),
    'auto.create.topics.enable': 'false',
    'default.replication.factor': copies,
    'min.insync.replicas': inSyncMin,
    'offsets.topic.num.partitions': '1',
    'offsets.topic.replication.factor': copies,
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSyncMin,
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSyncMin,
    'group.initial.rebalance.delay.ms': '0',
    'log.cleaner.dedupe.buffer.size': '2097152',
    // Or a node that was killed stays fenced for ten seconds after its return.
    'broker.session.timeout.ms': ports.length > 1 ? '3000' : '1000',
    'broker.heartbeat.interval.ms': '250',
    ...config,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function listeners({ client, plain, controller }: NodePorts, security?: KafkaSecurity): Record<string, string> {
  const open = security === undefined ? [`PLAIN://127.0.0.1:${client}`] : [`PLAIN://127.0.0.1:${plain}`];
  const secured = security === undefined ? [] : [`CLIENT://127.0.0.1:${client}`];
  const protocol = security === 'tls' ? 'SSL' : 'SASL_PLAINTEXT';
  return {
    listeners: [...open, ...secured, `CONTROLLER://127.0.0.1:${controller}`].join(','),
    'advertised.listeners': [...open, ...secured].join(','),
    'listener.security.protocol.map': `PLAIN:PLAINTEXT,CLIENT:${protocol},CONTROLLER:PLAINTEXT`,
    'inter.broker.listener.name': 'PLAIN',
  };
}

function securitySettings(security?: KafkaSecurity, keystore = ''): Record<string, string> {
  const { username, password } = kafkaUser;
  if (security === 'sasl_plain') {
    return {
      'listener.name.client.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.client.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`,
    };
  }
  if (security === 'scram') {
    const module = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
    return {
      'listener.name.client.sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.client.scram-sha-256.sasl.jaas.config': module,
      'listener.name.client.scram-sha-512.sasl.jaas.config': module,
    };
  }
  if (security === 'tls') {
    return {
      'listener.name.client.ssl.keystore.location': keystore,
      'listener.name.client.ssl.keystore.type': 'PKCS12',
      'listener.name.client.ssl.keystore.password': keystorePassword,
      'listener.name.client.ssl.key.password': keystorePassword,
    };
  }
  return {};
}
