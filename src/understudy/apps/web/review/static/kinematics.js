// An episode's motion: rows of time, root pose, joints and person, and the poses of the robot's bodies that follow from one.

const JOINTS_AT = 8;
const PERSON = 69;

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

export class Motion {
  constructor({ rows, width, human, data }) {
    Object.assign(this, { rows, width, human });
    this.numbers = new Float32Array(bytesOf(data).buffer);
    this.joints = width - JOINTS_AT - (human ? PERSON : 0);
  }

  timeAt(row) {
    return this.numbers[row * this.width];
  }

  /** The last row at or before a time. */
  rowAt(t) {
    let low = 0, high = this.rows - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.timeAt(middle) <= t + 1e-6) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The pose at a time, between two rows: everything in a straight line, the quaternion brought back to length one. */
  at(t) {
    const k = this.rowAt(t), a = k * this.width, b = Math.min(k + 1, this.rows - 1) * this.width, n = this.numbers;
    const span = n[b] - n[a], share = span > 0 ? Math.min(1, Math.max(0, (t - n[a]) / span)) : 0;
    const row = new Float32Array(this.width);
    const same = n[a + 4] * n[b + 4] + n[a + 5] * n[b + 5] + n[a + 6] * n[b + 6] + n[a + 7] * n[b + 7] >= 0 ? 1 : -1;
    for (let i = 0; i < this.width; i++) {
      const next = i >= 4 && i < 8 ? same * n[b + i] : n[b + i];
      row[i] = n[a + i] + share * (next - n[a + i]);
    }
    const length = Math.hypot(row[4], row[5], row[6], row[7]) || 1;
    for (let i = 4; i < 8; i++) row[i] /= length;
    return row;
  }

  person(row) {
    return this.human ? Array.from(row.subarray(this.width - PERSON)) : null;
  }
}

function turn([x, y, z], angle) {
  const c = Math.cos(angle), s = Math.sin(angle), v = 1 - c;
  return [
    c + x * x * v, x * y * v - z * s, x * z * v + y * s,
    y * x * v + z * s, c + y * y * v, y * z * v - x * s,
    z * x * v - y * s, z * y * v + x * s, c + z * z * v,
  ];
}

function product(a, b) {
  const out = new Array(9);
  for (let r = 0; r < 3; r++) for (let c = 0; c < 3; c++) out[3 * r + c] = a[3 * r] * b[c] + a[3 * r + 1] * b[3 + c] + a[3 * r + 2] * b[6 + c];
  return out;
}

function matrix(w, x, y, z) {
  return [
    1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
    2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
    2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
  ];
}

/** Per body twelve numbers: three rows of its rotation to `world`, then its origin. Body 0 is the root, body j + 1 hangs on joint j. */
export function bodyPoses({ parent, rot, pos, axis }, row) {
  const out = new Array(12 * (parent.length + 1));
  const rotations = [matrix(row[4], row[5], row[6], row[7])], places = [[row[1], row[2], row[3]]];
  for (let j = 0; j < parent.length; j++) {
    const R = rotations[parent[j]], p = places[parent[j]], o = pos[j];
    places.push([0, 1, 2].map((r) => p[r] + R[3 * r] * o[0] + R[3 * r + 1] * o[1] + R[3 * r + 2] * o[2]));
    rotations.push(product(product(R, rot[j]), turn(axis[j], row[JOINTS_AT + j])));
  }
  rotations.forEach((R, b) => {
    for (let i = 0; i < 9; i++) out[12 * b + i] = R[i];
    for (let i = 0; i < 3; i++) out[12 * b + 9 + i] = places[b][i];
  });
  return out;
}
