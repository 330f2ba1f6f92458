/**
 * nginx and HAProxy from the distribution's packages, as a load balancer before the collector: connections to it are kept
 * and shared, each request gets a number of the proxy's own, and a log says how the proxy understood it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianProgram } from './debian.ts';
import { freePorts } from './ports.ts';
import { launch, type Server, serverDir } from './server.ts';

/** The field in which each request carries the proxy's number to the server. */
export const numberField = 'X-Proxy-Number';
/** The field in which the server's answer gives the number back. */
export const echoField = 'X-Echoed-Number';

const readyPath = '/proxy-is-ready';
/** Clients that send half a request are waited for so long. */
const patienceMs = 300;
/** Bodies are logged up to this. */
const bodyBytesMax = 16_384;

/** A request as the proxy understood it and passed it on. */
export interface Forwarded {
  number: string;
  method: string;
  target: string;
  /** Latin-1; undefined where this way of passing on does not know it. */
  body: string | undefined;
  /** The number in the answer that the proxy took for this request's; '' when it got none. */
  echoed: string;
}

export interface Proxy extends Server {
  port: number;
  /** The requests passed on so far, in the order of their ends. */
  forwarded(): Promise<Forwarded[]>;
}

export interface ProxyOptions {
  /** Of the server behind, on loopback. */
  upstreamPort: number;
  /** nginx: bodies are passed on as they come, chunked where they came so, instead of being read first. */
  streaming?: boolean;
}

export function nginxProgram() {
  return debianProgram({ name: 'nginx', pkg: 'nginx', dir: 'usr/sbin' });
}

export function haproxyProgram() {
  return debianProgram({ name: 'haproxy', pkg: 'haproxy', dir: 'usr/sbin' });
}

export async function startNginx({ upstreamPort, streaming = false }: ProxyOptions): Promise<Proxy> {
  const program = await nginxProgram();
  const [[port = 0], dir] = await Promise.all([freePorts(1), serverDir('nginx')]);
  const file = join(dir, 'nginx.conf');
  await writeFile(file, nginxConfig({ dir, port, upstreamPort, streaming }));
  const server = await launch({
    name: 'nginx',
    dir,
    command: program.command,
    args: ['-p', dir, '-c', file, '-e', 'stderr'],
    env: program.env,
    isReady: async (signal) => (await fetch(`http://127.0.0.1:${port}${readyPath}`, { signal })).status === 204,
  });
  return Object.assign(server, {
    port,
    async forwarded() {
      const lines = (await readFile(join(dir, 'access.log'), 'latin1')).split('\n').filter((line) => line !== '');
      return lines
        .map((line) => JSON.parse(line) as Record<string, string>)
        .filter(({ upstream }) => upstream !== '')
        .map(({ number = '', target = '', method = '', body = '', echoed = '' }) => ({
          number,
          method,
          target,
          body: streaming ? undefined : body,
          echoed,
        }));
    },
  });
}

interface Config {
  dir: string;
  port: number;
  upstreamPort: number;
  streaming: boolean;
}

function nginxConfig({ dir, port, upstreamPort, streaming }: Config): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${dir}/${name};`,
  );
  const log = [
    'number=request_id',
    'method=request_method',
    'target=request_uri',
    'upstream=upstream_addr',
    'body=request_body',
  ];
  const fields = [...log, `echoed=upstream_http_${echoField.toLowerCase().replaceAll('-', '_')}`].map((field) => {
    const [name, variable = name] = field.split('=');
    return `"${name}":"$${variable}"`;
  });
  return `
daemon off;
master_process off;
pid ${dir}/nginx.pid;
events { worker_connections 4096; }
http {
  ${temporary.join('\n  ')}
  log_format told escape=json '{${fields.join(',')}}';
  access_log ${dir}/access.log told;
  client_header_timeout ${patienceMs}ms;
  client_body_timeout ${patienceMs}ms;
  keepalive_timeout ${patienceMs}ms;
  client_body_buffer_size ${bodyBytesMax};
  client_max_body_size 1m;
  upstream collector {
    server 127.0.0.1:${upstreamPort};
    keepalive 16;
  }
  server {
    listen 127.0.0.1:${port};
    location = ${readyPath} {
      access_log off;
      return 204;
    }
    location / {
      proxy_pass http://collector;
      proxy_http_version 1.1;
      proxy_next_upstream off;
      proxy_request_buffering ${streaming ? 'off' : 'on'};
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header ${numberField} $request_id;
    }
  }
}
`;
}

export async function startHaproxy({ upstreamPort }: ProxyOptions): Promise<Proxy> {
  const program = await haproxyProgram();
  const [[port = 0], dir] = await Promise.all([freePorts(1), serverDir('haproxy')]);
  const file = join(dir, 'haproxy.cfg');
  await writeFile(file, haproxyConfig(port, upstreamPort));
  const server = await launch({
    name: 'HAProxy',
    dir,
    command: program.command,
    args: ['-db', '-f', file],
    env: program.env,
    isReady: async (signal) => (await fetch(`http://127.0.0.1:${port}${readyPath}`, { signal })).status === 200,
  });
  return Object.assign(server, {
    port,
    async forwarded() {
      const lines = (await readFile(join(dir, 'server.log'), 'latin1')).split('\n');
      return lines
        .map((line) => /^told (\S+) "(.*?)" "(.*)" "(.*)" "(.*)" "(.*)"$/.exec(line))
        .filter((match) => match !== null && match[2] !== '<NOSRV>')
        .map((match) => {
          const [, number = '', , method = '', target = '', hex = '', echoed = ''] = match!.map(unset);
          const body = Buffer.from(hex, 'hex').toString('latin1');
          return { number, method: plain(method), target: plain(target), body, echoed };
        });
    },
  });
}

/** HAProxy logs `-` for what is not there. */
function unset(text: string): string {
  return text === '-' ? '' : text;
}

/** HAProxy logs `#23` for `#`, and so for whatever else would be unclear in a line. */
function plain(text: string): string {
  return text.replaceAll(/#([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function haproxyConfig(port: number, upstreamPort: number): string {
  const quoted = ['%s', '%HM', '%HU', '%[var(txn.body)]', '%[var(txn.echoed)]'];
  return `
global
  log stdout len 65535 format raw daemon
  maxconn 4000
defaults
  mode http
  log global
  log-format 'told %[var(txn.number)] ${quoted.map((part) => `"${part}"`).join(' ')}'
  option http-buffer-request
  option http-keep-alive
  http-reuse always
  timeout connect 2s
  timeout client ${patienceMs}ms
  timeout http-request ${patienceMs}ms
  timeout http-keep-alive ${patienceMs}ms
  timeout server 5s
frontend clients
  bind 127.0.0.1:${port}
  monitor-uri ${readyPath}
  http-request set-var(txn.number) uuid()
  http-request set-var(txn.body) req.body,hex
  http-request set-header ${numberField} %[var(txn.number)]
  http-response set-var(txn.echoed) res.hdr(${echoField})
  default_backend collector
backend collector
  server collector 127.0.0.1:${upstreamPort}
`;
}
