/** What a TLS listener needs, from the files that the configuration names. Owns the reading and the checks of it. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import type { AuthMode, TlsFiles } from './config/types.ts';
import type { TlsMaterial } from './http/tls.ts';

const TICKET_KEY_BYTES = 48;

/** @throws MetricStreamError `config_invalid` that names the option and the file. */
export function readTlsMaterial(files: TlsFiles, auth: AuthMode): TlsMaterial {
  return {
    cert: pem(files.certFile, 'tls.cert_file'),
    key: pem(files.keyFile, 'tls.key_file'),
    clientCa: files.clientCaFile === '' ? '' : pem(files.clientCaFile, 'tls.client_ca_file'),
    clientRequired: auth === 'certificate',
    clientId: files.clientId,
    minVersion: files.minVersion,
    ticketKeys: randomBytes(TICKET_KEY_BYTES),
  };
}

function pem(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MetricStreamError('config_invalid', `${option}: ${path} cannot be read; it must be a PEM file`, {
      cause,
    });
  }
}
