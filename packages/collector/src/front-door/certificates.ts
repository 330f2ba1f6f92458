/**
 * The certificates in force while the collector runs. Owns reading them again and the age of the ticket keys; promises
 * that a file found broken later changes nothing, and that whatever changes, no session from before can be resumed.
 */
import { messageOf } from '@metricstream/shared/errors.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { AuthMode, TlsFiles } from '../config/types.ts';
import { newTicketKeys } from '../http/tls.ts';
import type { TlsMaterial } from '../http/tls.ts';
import { readTlsFiles } from './tls-files.ts';

/** Whoever steals a ticket key can read what was sent under it: it does not live long. */
const TICKET_KEYS_MS = 12 * 3_600_000;

export interface Certificates {
  inForce(): TlsMaterial;
  /** When the listener's certificate ends. */
  expiresUnixMs(): number;
  /** Reads the files again. */
  reload(): void;
  close(): void;
}

export interface CertificatesOptions {
  files: TlsFiles;
  auth: AuthMode;
  /** Told of every change. */
  changed: (material: TlsMaterial) => void;
  log: Log;
}

/** @throws MetricStreamError `config_invalid` when the files cannot be used now. */
export function openCertificates({ files, auth, changed, log }: CertificatesOptions): Certificates {
  let { material, expiresUnixMs } = read();

  function read(): { material: TlsMaterial; expiresUnixMs: number } {
    const found = readTlsFiles(files, auth);
    for (const warning of found.warnings) log.warn(warning);
    return found;
  }

  const rotation = setInterval(() => {
    material = { ...material, ticketKeys: newTicketKeys() };
    changed(material);
  }, TICKET_KEYS_MS).unref();

  return {
    inForce: () => material,
    expiresUnixMs: () => expiresUnixMs,
    reload() {
      try {
        ({ material, expiresUnixMs } = read());
        changed(material);
        log.info('certificates read again', { file: files.certFile, expires: new Date(expiresUnixMs).toISOString() });
      } catch (error) {
        log.error('tls: the new files are not used, the last ones stay in force', { error: messageOf(error) });
      }
    },
    close: () => clearInterval(rotation),
  };
}
