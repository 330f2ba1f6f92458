/** A certificate for 127.0.0.1 made by Java's keytool: a keystore for the brokers, the certificate for their clients. */
import { join } from 'node:path';
import { keystorePassword } from './kafka-config.ts';
import { onPath, run } from './run.ts';

export interface Keystore {
  file: string;
  /** As PEM; it signed itself. */
  caFile: string;
}

/** Makes a keystore in `dir`. */
export async function makeKeystore(dir: string): Promise<Keystore> {
  const keytool = onPath('keytool');
  if (keytool === undefined) throw new Error('TLS for Kafka needs keytool, which is not on PATH: install a JDK');
  const file = join(dir, 'broker.p12');
  const caFile = join(dir, 'ca.pem');
  const store = ['-alias', 'broker', '-keystore', file, '-storetype', 'PKCS12', '-storepass', keystorePassword];
  const subject = ['-dname', 'CN=127.0.0.1', '-ext', 'san=ip:127.0.0.1,dns:localhost', '-ext', 'bc:c'];
  await run(keytool, [
    '-genkeypair',
    '-keyalg',
    'EC',
    '-groupname',
    'secp256r1',
    '-validity',
    '30',
    ...store,
    ...subject,
  ]);
  await run(keytool, ['-exportcert', '-rfc', '-file', caFile, ...store]);
  return { file, caFile };
}
