import { randomUUID } from 'node:crypto';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Never } from './worker.mjs';

// Table is a directory that stands for a database table with a primary key. A row is a file whose name is its key, so that the
// effect and the memory of it are one thing, stored in one step. In SQL that is one transaction:
//
//   INSERT INTO events (key, ...) VALUES ($1, ...) ON CONFLICT DO NOTHING;  -- no row inserted: it was done before
//   UPDATE ...;                                                            -- what the event asks for
//
// Several processes may use one table.
export class Table {
  static async open(dir) {
    await mkdir(join(dir, 'tmp'), { recursive: true, mode: 0o700 });
    return Object.assign(new Table(), { dir });
  }

  // insert stores a row that survives a crash, and tells whether it is new. A key that is there already changes nothing.
  async insert(key, row) {
    if (!/^[A-Za-z0-9_-]{22,36}$/.test(key)) throw new Never(`key ${key.slice(0, 40)}`); // hookproof's: 22 characters of base64url, or a UUID
    const tmp = join(this.dir, 'tmp', randomUUID());
    await synced(tmp, 'wx', (f) => f.writeFile(row));
    let first = true;
    try {
      await link(tmp, join(this.dir, key)); // fails if the name is there: the file system decides who is first
    } catch (err) {
      if (err.code !== 'EEXIST') throw err;
      first = false;
    } finally {
      await unlink(tmp).catch(() => {}); // left behind, it does no harm
    }
    await synced(this.dir, 'r', () => {}); // a row that another process is just storing too must not be lost after an acknowledgement
    return first;
  }
}

// synced opens a file or directory, lets write do its work, and returns once it is on the disk.
async function synced(path, flags, write) {
  const f = await open(path, flags, 0o600);
  try {
    await write(f);
    await f.sync();
  } finally {
    await f.close();
  }
}
