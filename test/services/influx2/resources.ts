/**
 * What the stand-in knows besides points: the organisation, buckets and tasks, with the parts of InfluxDB's API that list,
 * create and change them. Answers are values; the server sends them.
 */
import { randomBytes } from 'node:crypto';
import { createPointStore, type PointStore } from './point-store.ts';

export interface Bucket {
  id: string;
  orgID: string;
  name: string;
  description: string;
  retentionRules: { type: 'expire'; everySeconds: number }[];
  createdAt: string;
  updatedAt: string;
}

export interface Task {
  id: string;
  orgID: string;
  org: string;
  name: string;
  description: string;
  status: 'active' | 'inactive';
  flux: string;
  every?: string;
  cron?: string;
  offset?: string;
  createdAt: string;
  updatedAt: string;
}

export interface Answer {
  status: number;
  body?: unknown;
}

export interface ApiRequest {
  method: string;
  /** Below /api/v2: ['buckets'], ['buckets', ID]. */
  path: string[];
  query: URLSearchParams;
  body: Record<string, unknown>;
}

export interface Resources {
  readonly org: { id: string; name: string };
  readonly buckets: Map<string, Bucket>;
  readonly tasks: Map<string, Task>;
  /** By name or id. */
  findBucket(wanted: string): { bucket: Bucket; store: PointStore } | undefined;
  createBucket(name: string, retentionSeconds: number): Bucket;
  isOrg(wanted: string | null): boolean;
  /** /buckets, /orgs and /tasks. */
  answer(request: ApiRequest): Answer;
}

/** An answer of InfluxDB's about what is wrong. */
export function problem(status: number, code: string, message: string): Answer {
  return { status, body: { code, message } };
}

const newId = () => randomBytes(8).toString('hex');

/** One organisation with nothing in it. */
export function createResources(orgName: string): Resources {
  const org = { id: newId(), name: orgName };
  const buckets = new Map<string, Bucket>();
  const stores = new Map<string, PointStore>();
  const tasks = new Map<string, Task>();
  const resources: Resources = {
    org,
    buckets,
    tasks,
    isOrg: (wanted) => wanted === org.name || wanted === org.id,
    findBucket(wanted) {
      const bucket = buckets.get(wanted) ?? [...buckets.values()].find(({ name }) => name === wanted);
      const store = bucket && stores.get(bucket.id);
      return bucket && store && { bucket, store };
    },
    createBucket(name, retentionSeconds) {
      const retentionRules =
        retentionSeconds === 0 ? [] : [{ type: 'expire' as const, everySeconds: retentionSeconds }];
      const bucket = { id: newId(), orgID: org.id, name, description: '', retentionRules, ...stampNow() };
      buckets.set(bucket.id, bucket);
      stores.set(bucket.id, createPointStore());
      return bucket;
    },
    answer(request) {
      const kind = request.path[0] ?? '';
      if (!Object.hasOwn(kinds, kind)) return problem(404, 'not found', 'path not found');
      return kinds[kind as keyof typeof kinds](resources, request);
    },
  };
  return resources;
}

const kinds = { orgs: answerOrgs, buckets: answerBuckets, tasks: answerTasks };

function stampNow(): { createdAt: string; updatedAt: string } {
  const now = new Date().toISOString();
  return { createdAt: now, updatedAt: now };
}

function answerOrgs({ org, isOrg }: Resources, { method, query }: ApiRequest): Answer {
  if (method !== 'GET') return problem(405, 'method not allowed', 'allowed methods are: GET');
  const wanted = query.get('org') ?? query.get('orgID');
  if (wanted !== null && !isOrg(wanted)) return problem(404, 'not found', `organization name "${wanted}" not found`);
  return { status: 200, body: { links: { self: '/api/v2/orgs' }, orgs: [org] } };
}

function answerBuckets(resources: Resources, { method, path, query, body }: ApiRequest): Answer {
  const { buckets, isOrg, findBucket } = resources;
  const bucket = buckets.get(path[1] ?? '');
  if (path.length > 1 && bucket === undefined) return problem(404, 'not found', 'bucket not found');
  if (method === 'GET' && bucket !== undefined) return { status: 200, body: bucket };
  if (method === 'PATCH' && bucket !== undefined) {
    return { status: 200, body: Object.assign(bucket, body, { id: bucket.id, updatedAt: stampNow().updatedAt }) };
  }
  if (method === 'GET') {
    const [org, name] = [query.get('org') ?? query.get('orgID'), query.get('name')];
    if (org !== null && !isOrg(org)) return problem(404, 'not found', `organization name "${org}" not found`);
    const found = name === null ? undefined : findBucket(name)?.bucket;
    if (name !== null && found === undefined) return problem(404, 'not found', `bucket "${name}" not found`);
    const listed = found === undefined ? paged([...buckets.values()], query) : [found];
    return { status: 200, body: { links: { self: '/api/v2/buckets' }, buckets: listed } };
  }
  if (method !== 'POST') return problem(405, 'method not allowed', 'allowed methods are: GET, POST, PATCH');
  const { name, orgID, retentionRules = [] } = body as Partial<Bucket>;
  if (!name || !isOrg(orgID ?? null)) return problem(400, 'invalid', 'a bucket needs a name and the orgID');
  if (findBucket(name) !== undefined) return problem(422, 'conflict', `bucket with name ${name} already exists`);
  return { status: 201, body: resources.createBucket(name, retentionRules[0]?.everySeconds ?? 0) };
}

function answerTasks(resources: Resources, { method, path, query, body }: ApiRequest): Answer {
  const { org, tasks, isOrg } = resources;
  const task = tasks.get(path[1] ?? '');
  if (path.length > 1 && task === undefined) return problem(404, 'not found', 'failed to find task: task not found');
  if (method === 'GET' && task !== undefined) return { status: 200, body: task };
  if (method === 'PATCH' && task !== undefined) return changeTask(task, body);
  if (method === 'DELETE' && task !== undefined) {
    tasks.delete(task.id);
    return { status: 204 };
  }
  if (method === 'GET') {
    const name = query.get('name');
    const listed = [...tasks.values()].filter((one) => name === null || one.name === name);
    return { status: 200, body: { links: { self: '/api/v2/tasks' }, tasks: paged(listed, query) } };
  }
  if (method !== 'POST') return problem(405, 'method not allowed', 'allowed methods are: GET, POST, PATCH, DELETE');
  const { flux, status = 'active', description = '', orgID, org: orgName } = body as Partial<Task>;
  const options = taskOptions(flux ?? '');
  if (!isOrg(orgID ?? orgName ?? null)) return problem(400, 'invalid', 'a task needs the orgID or the org');
  if (flux === undefined || options === undefined) return problem(400, 'invalid', 'missing required option: task');
  const created = { id: newId(), orgID: org.id, org: org.name, description, status, flux, ...options, ...stampNow() };
  tasks.set(created.id, created);
  return { status: 201, body: created };
}

function changeTask(task: Task, change: Partial<Task>): Answer {
  const options = change.flux === undefined ? {} : taskOptions(change.flux);
  if (options === undefined) return problem(400, 'invalid', 'missing required option: task');
  return { status: 200, body: Object.assign(task, change, options, { id: task.id, updatedAt: stampNow().updatedAt }) };
}

/** What Flux's `option task = {name: "x", every: 1m, offset: 10s}` says; Flux itself is not run here. */
function taskOptions(flux: string): Pick<Task, 'name' | 'every' | 'cron' | 'offset'> | undefined {
  const record = /\boption\s+task\s*=\s*\{([^}]*)\}/.exec(flux)?.[1];
  if (record === undefined) return undefined;
  const pairs = [...record.matchAll(/(\w+)\s*:\s*(?:"([^"]*)"|([\w.]+))/g)];
  const { name, every, cron, offset } = Object.fromEntries(pairs.map(([, key, text, bare]) => [key, text ?? bare]));
  if (name === undefined || (every ?? cron) === undefined) return undefined;
  return { name, every, cron, offset };
}

/** InfluxDB gives 20 of a list, 100 at most. */
function paged<Item>(items: Item[], query: URLSearchParams): Item[] {
  const offset = Number(query.get('offset') ?? 0);
  const limit = Math.min(100, Number(query.get('limit') ?? 20));
  return items.slice(offset, offset + limit);
}
