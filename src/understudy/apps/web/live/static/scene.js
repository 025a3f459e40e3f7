// Two views of one camera: the person on the left, the robot on the right; or the robot alone. Nothing but WebGL 2.

import { add, lookAt, multiply, perspective, rigid, sub, unit } from "./matrix.js";
import { CAPSULE, FLOOR, GRID, LIT, MESH } from "./shaders.js";

const FOVY = (30 * Math.PI) / 180;
const LOOK_M = 0.86;
/** The camera goes along with this delay, so that a sway of the body is seen as one. */
const FOLLOW_S = 0.2;
/** Radius of a bone at its parent and at its child, metres, by the child's name without its side. */
const RADII = {
  spine: [0.1, 0.098], chest: [0.1, 0.112], neck: [0.112, 0.07], head: [0.052, 0.055],
  collar: [0.08, 0.07], shoulder: [0.07, 0.058], elbow: [0.05, 0.04], wrist: [0.039, 0.028], hand: [0.03, 0.036],
  hip: [0.088, 0.084], knee: [0.076, 0.052], ankle: [0.05, 0.036], toe: [0.04, 0.03],
};
const HEAD_M = 0.1;
const RED = [0.93, 0.1, 0.2];

export class Scene {
  constructor(canvas) {
    this.canvas = canvas;
    const gl = (this.gl = canvas.getContext("webgl2", { alpha: false, antialias: true, stencil: true, powerPreference: "high-performance" }));
    if (!gl) throw new Error("this browser has no WebGL 2; open the page in another one");
    this.camera = { azimuth: 0, elevation: 0.16, distance: 4.7 };
    this.centres = [null, null];
    this.mesh = program(gl, MESH, LIT);
    this.capsule = program(gl, CAPSULE, LIT);
    this.floor = program(gl, FLOOR, GRID);
    this.unitCapsule = capsuleBuffer(gl, this.capsule);
    this.quad = quadBuffer(gl, this.floor);
    this.robot = null;
  }

  /** `facts` from /robot.json, `buffer` from /robot.bin: 16 bytes per vertex. */
  setRobot(facts, buffer) {
    const gl = this.gl;
    this.facts = facts;
    this.robot = gl.createVertexArray();
    gl.bindVertexArray(this.robot);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, buffer, gl.STATIC_DRAW);
    attribute(gl, this.mesh, "a_pos", 3, gl.FLOAT, false, 16, 0);
    attribute(gl, this.mesh, "a_normal", 3, gl.BYTE, true, 16, 12);
  }

  /** Stand before the person: a little to the left of straight ahead. */
  face(human) {
    const [left, right] = this.facts.hips.map((j) => human.slice(3 * j, 3 * j + 3));
    const across = sub(left, right);
    this.camera.azimuth = Math.atan2(-across[0], across[1]) + 0.5;
    this.camera.elevation = 0.16;
    this.camera.distance = 4.7;
  }

  draw(shown, theme) {
    const { gl, canvas } = this;
    const width = Math.round(canvas.clientWidth * devicePixelRatio), height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const now = performance.now();
    this.elapsed = (now - (this.drawn ?? now)) / 1000;
    this.drawn = now;
    gl.enable(gl.SCISSOR_TEST);
    const half = shown.alone ? 0 : width / 2;
    if (half) this.view([0, 0, half, height], 0, shown.human && shown.human.slice(0, 3), theme, () => this.person(shown, theme));
    this.view([half, 0, width - half, height], 1, shown.bodies && shown.bodies.slice(9, 12), theme, () => this.machine(shown, theme));
  }

  view(box, side, middle, theme, subject) {
    const gl = this.gl;
    gl.viewport(...box);
    gl.scissor(...box);
    gl.clearColor(...theme.sky, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT | gl.STENCIL_BUFFER_BIT);
    if (middle) {
      const before = this.centres[side] || middle;
      const far = Math.hypot(middle[0] - before[0], middle[1] - before[1]) > 2;
      const share = far ? 1 : 1 - Math.exp(-this.elapsed / FOLLOW_S);
      this.centres[side] = [before[0] + share * (middle[0] - before[0]), before[1] + share * (middle[1] - before[1]), LOOK_M];
    }
    const target = this.centres[side] || [0, 0, LOOK_M];
    const { azimuth, elevation, distance } = this.camera;
    const aspect = box[2] / box[3];
    const away = distance * Math.max(1, 0.62 / aspect);
    const out = [Math.cos(elevation) * Math.cos(azimuth), Math.cos(elevation) * Math.sin(azimuth), Math.sin(elevation)];
    this.eye = add(target, out, away);
    this.projection = multiply(perspective(FOVY, aspect, 0.05, 60), lookAt(this.eye, target));
    this.ground(target, theme);
    if (middle) subject();
  }

  ground(target, theme) {
    const { gl, floor } = this;
    gl.disable(gl.DEPTH_TEST);
    gl.useProgram(floor.program);
    gl.uniformMatrix4fv(floor.at("u_view"), false, this.projection);
    gl.uniform2f(floor.at("u_centre"), target[0], target[1]);
    gl.uniform3fv(floor.at("u_floor"), theme.floor);
    gl.uniform3fv(floor.at("u_line"), theme.line);
    gl.uniform3fv(floor.at("u_sky"), theme.sky);
    gl.bindVertexArray(this.quad);
    gl.drawArrays(gl.TRIANGLES, 0, 6);
    gl.enable(gl.DEPTH_TEST);
  }

  /** Draw with shadows first: each point of the floor darkens once, however many shapes are above it. */
  both(programs, theme, each) {
    const gl = this.gl;
    for (const shadow of [true, false]) {
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
      gl[shadow ? "enable" : "disable"](gl.STENCIL_TEST);
      gl.depthMask(!shadow);
      gl.stencilFunc(gl.EQUAL, 0, 255);
      gl.stencilOp(gl.KEEP, gl.KEEP, gl.INCR);
      for (const p of programs) {
        gl.useProgram(p.program);
        gl.uniformMatrix4fv(p.at("u_view"), false, this.projection);
        gl.uniform3fv(p.at("u_eye"), this.eye);
        gl.uniform3fv(p.at("u_shade"), theme.shade);
        gl.uniform1f(p.at("u_shadow"), shadow ? 1 : 0);
      }
      each(shadow);
    }
    gl.depthMask(true);
  }

  person({ human, red, ghost }, theme) {
    const { gl, capsule } = this;
    const at = (j) => human.slice(3 * j, 3 * j + 3);
    const pieces = this.facts.bones.map(([a, b, limb, name]) => {
      const part = name.split(">")[1].replace(/^(left|right)_/, "");
      return { from: at(a), to: at(b), radius: RADII[part], limb, part, side: name.includes("left_") ? "left" : name.includes("right_") ? "right" : "middle" };
    });
    const neck = pieces.find((p) => p.part === "head");
    const crown = add(neck.to, unit(sub(neck.to, neck.from)), 0.075);
    pieces.push({ ...neck, from: add(neck.to, unit(sub(neck.to, neck.from)), 0.035), to: crown, radius: [HEAD_M * 0.92, HEAD_M] });
    pieces.sort((a, b) => ghost.has(a.limb) - ghost.has(b.limb));
    this.both([capsule], theme, (shadow) => {
      gl.bindVertexArray(this.unitCapsule.array);
      for (const piece of pieces) {
        const colour = red.has(piece.limb) ? RED : theme[piece.side];
        const alpha = shadow ? 0.85 : ghost.has(piece.limb) ? 0.28 : 1;
        gl.uniform4f(capsule.at("u_colour"), ...colour, alpha);
        gl.uniform1f(capsule.at("u_glow"), red.has(piece.limb) ? 0.35 : 0);
        gl.uniform3fv(capsule.at("u_from"), piece.from);
        gl.uniform3fv(capsule.at("u_to"), piece.to);
        gl.uniform2fv(capsule.at("u_radius"), piece.radius);
        gl.drawArrays(gl.TRIANGLES, 0, this.unitCapsule.count);
      }
    });
  }

  machine({ bodies, red, ghost }, theme) {
    const { gl, mesh } = this;
    if (!this.robot) return;
    this.both([mesh], theme, (shadow) => {
      gl.bindVertexArray(this.robot);
      for (const shape of this.facts.shapes) {
        const hot = red.has(shape.limb), away = ghost.has(shape.limb);
        const own = shape.rgb.map((c) => theme.lift + (1 - theme.lift) * c);
        const colour = hot ? own.map((c, k) => 0.22 * c + 0.78 * RED[k]) : away ? own.map((c) => 0.5 * c + 0.25) : own;
        gl.uniformMatrix4fv(mesh.at("u_model"), false, rigid(bodies, 12 * shape.body));
        gl.uniform4f(mesh.at("u_colour"), ...colour, shadow ? 0.85 : 1);
        gl.uniform1f(mesh.at("u_glow"), hot ? 0.3 : 0);
        gl.drawArrays(gl.TRIANGLES, shape.first, shape.count);
      }
    });
  }
}

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  const places = new Map();
  const at = (name) => {
    if (!places.has(name)) places.set(name, gl.getUniformLocation(made, name));
    return places.get(name);
  };
  return { program: made, at };
}

function attribute(gl, { program }, name, size, type, normalized, stride, offset) {
  const place = gl.getAttribLocation(program, name);
  if (place < 0) return;
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, size, type, normalized, stride, offset);
}

/** Two half spheres and what is between them; z of `a_pos` says which end a vertex belongs to. */
function capsuleBuffer(gl, owner, turns = 20, rings = 6) {
  const rows = [];
  for (let i = 0; i <= 2 * rings + 1; i++) {
    const top = i > rings, k = top ? i - 1 : i;
    const angle = -Math.PI / 2 + (k * Math.PI) / (2 * rings);
    rows.push({ top: top ? 1 : 0, r: Math.cos(angle), z: Math.sin(angle) });
  }
  const numbers = [];
  const put = ({ top, r, z }, t) => {
    const a = (2 * Math.PI * t) / turns;
    numbers.push(0, 0, top, r * Math.cos(a), r * Math.sin(a), z);
  };
  for (let i = 0; i + 1 < rows.length; i++)
    for (let t = 0; t < turns; t++)
      for (const [row, turn] of [[i, t], [i, t + 1], [i + 1, t + 1], [i, t], [i + 1, t + 1], [i + 1, t]]) put(rows[row], turn);
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(numbers), gl.STATIC_DRAW);
  attribute(gl, owner, "a_pos", 3, gl.FLOAT, false, 24, 0);
  attribute(gl, owner, "a_normal", 3, gl.FLOAT, false, 24, 12);
  return { array, count: numbers.length / 6 };
}

function quadBuffer(gl, owner) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, 1, 1, -1, -1, 1, 1, -1, 1]), gl.STATIC_DRAW);
  attribute(gl, owner, "a_pos", 2, gl.FLOAT, false, 8, 0);
  return array;
}
