/**
 * A real agent at a real collector over TLS, with a client certificate or a token: what happens when a token is revoked,
 * when collectors follow each other, and when the agent's URL is the wrong way round. Nothing is lost by any of it.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type App, type Config, startAgent, startCollector } from '../app.ts';
import { caFile, certificateFiles, type CertificateName } from '../services/certificates.ts';
import { linesByTriple } from './ledger.ts';
import { collectorCommand, newToken } from './token-kit.ts';

interface AgentStatus {
  points: { sampled: number; acked: number; in_spool: number; dropped: Record<string, number> };
  collector: { state: string; last_error: string };
}

const statusOf = async (agent: App): Promise<AgentStatus> => (await agent.status()) as AgentStatus;

function rig() {
  const dir = mkdtempSync(join(tmpdir(), 'ms-agent-identity-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const { certFile, keyFile } = certificateFiles('server');
  const tokensFile = join(dir, 'tokens');
  const collecting: Config = {
    workers: 2,
    tls: { cert_file: certFile, key_file: keyFile, client_ca_file: caFile },
    auth: 'either',
    tokens_file: tokensFile,
  };
  return {
    dir,
    tokensFile,
    tokenFile: join(dir, 'token'),
    collector: (more: Config = {}, ...args: string[]) =>
      startCollector({ dir, config: { ...collecting, ...more }, args }),
    agent: (url: string, options: Config) =>
      startAgent({
        dir,
        config: {
          client_id: 'client-1',
          collector: { url, ...options },
          collection: { interval: '200ms', jitter: '0s', groups: { processes: false } },
        },
      }),
  };
}

/** Written beside and moved there, as an operator does it. */
function install(file: string, token: string): void {
  writeFileSync(`${file}.new`, `${token}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

const certificate = (name: CertificateName) => {
  const { certFile, keyFile } = certificateFiles(name);
  return { ca_file: caFile, cert_file: certFile, key_file: keyFile };
};

const overTls = (url: string): string => url.replace('http:', 'https:');

function finalOf({ logs }: App): AgentStatus['points'] {
  const { final } = logs.at(-1) as unknown as { final: AgentStatus };
  return final.points;
}

interface Run {
  dir: string;
  /** All that ran on this directory; the last one still does. */
  agents: App[];
  collector: App;
}

/** Stops the last agent and the collector, and checks that every point that was sampled is in the files once. */
async function checkNothingLost({ dir, agents, collector }: Run): Promise<void> {
  const last = agents.at(-1) as App;
  await expect.poll(async () => (await statusOf(last)).collector.state, { timeout: 10_000 }).toBe('ok');
  await last.stop();
  expect(finalOf(last)).toMatchObject({ in_spool: 0, dropped: {} });
  await collector.stop();
  const sampled = agents.reduce((sum, agent) => sum + finalOf(agent).sampled, 0);
  expect(sampled).toBeGreaterThan(0);
  const stored = [...linesByTriple(join(dir, 'points')).values()].reduce((sum, lines) => sum + lines, 0);
  expect(stored).toBe(sampled);
}

test('a token that is revoked stops the agent, another one in its file makes it go on, and collectors may follow each other', async () => {
  const { dir, tokensFile, tokenFile, ...start } = rig();
  install(tokenFile, await newToken(tokensFile, 'client-*', '--name', 'old'));
  const first = await start.collector();
  const agent = await start.agent(overTls(first.url), { token_file: tokenFile, tls: { ca_file: caFile } });
  await expect.poll(async () => (await statusOf(agent)).collector.state).toBe('ok');

  const next = await newToken(tokensFile, 'client-*', '--name', 'new');
  expect((await collectorCommand('token', 'revoke', 'old', '--file', tokensFile)).code).toBe(0);
  await agent.waitForLog('collector (live): halted, the batches stay in the spool');
  const halted = await statusOf(agent);
  expect(halted.collector.last_error).toContain('see collector.token_file');
  install(tokenFile, next);
  await agent.waitForLog('collector (live): sending again');

  const second = await start.collector({ listen: new URL(first.url).host }, '--takeover');
  await first.ended;
  const before = (await statusOf(agent)).points.acked;
  await expect.poll(async () => (await statusOf(agent)).points.acked, { timeout: 10_000 }).toBeGreaterThan(before);
  await checkNothingLost({ dir, agents: [agent], collector: second });
  for (const { logs } of [agent, first, second]) expect(JSON.stringify(logs)).not.toContain(next.slice(3, 20));
}, 60_000);

test('an agent speaks for the client_id of its certificate, and for no other', async () => {
  const { dir, tokensFile, ...start } = rig();
  await newToken(tokensFile, 'somebody-else');
  const collector = await start.collector();
  const wrong = await start.agent(overTls(collector.url), { tls: certificate('client-2') });
  await wrong.waitForLog('collector (live): halted, the batches stay in the spool');
  const { points, collector: said } = await statusOf(wrong);
  expect(points).toMatchObject({ acked: 0, dropped: {} });
  expect(said.last_error).toContain('status 403');
  await wrong.stop();
  const right = await start.agent(overTls(collector.url), { tls: certificate('client-1') });
  await checkNothingLost({ dir, agents: [wrong, right], collector });
}, 60_000);

test('http to a collector that speaks TLS keeps every batch, and names the option', async () => {
  const { tokensFile, ...start } = rig();
  await newToken(tokensFile, 'client-*');
  const collector = await start.collector();
  const agent = await start.agent(collector.url, {});
  await agent.waitForLog('collector (live): halted, the batches stay in the spool');
  const { points, collector: said } = await statusOf(agent);
  expect(points).toMatchObject({ acked: 0, dropped: {} });
  expect(said.last_error).toMatch(/collector\.url/);
  await agent.stop();
}, 60_000);
