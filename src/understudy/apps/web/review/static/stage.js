// What moves: the robot, the person beside it where there is one, and the cameras.

import { Cameras } from "./cameras.js";
import { Motion, bodyPoses } from "./kinematics.js";
import { Scene } from "./scene.js";

const $ = (id) => document.getElementById(id);
const NOBODY = new Set();
const TINT = 0.5;

export class Stage {
  constructor(facts, bytes) {
    this.kinematics = facts.kinematics;
    this.facts = facts;
    this.scene = new Scene($("scene"));
    this.bytes = bytes;
    this.cameras = new Cameras($("cameras"));
    this.motion = null;
    this.readTheme();
    this.listen();
  }

  readTheme() {
    const style = getComputedStyle(document.documentElement);
    const rgb = (name) => [1, 3, 5].map((k) => parseInt(style.getPropertyValue(name).trim().slice(k, k + 2), 16) / 255);
    this.theme = {
      sky: rgb("--sky"), floor: rgb("--floor"), line: rgb("--grid"), shade: rgb("--shade"),
      left: rgb("--body-left"), right: rgb("--body-right"), middle: rgb("--middle"), lift: Number(style.getPropertyValue("--lift")),
    };
    const shapes = this.facts.shapes.map((shape) => ({ ...shape, rgb: this.tinted(shape) }));
    this.scene.setRobot({ ...this.facts, shapes }, this.bytes);
  }

  /** Left limbs are bluish and right ones orange, as the person's are: a swapped side is seen at a glance. */
  tinted({ rgb, limb }) {
    const side = limb.split("_")[0], colour = this.theme[side];
    return limb === "trunk" || !colour ? rgb : rgb.map((c, k) => (1 - TINT) * c + TINT * colour[k]);
  }

  load(source, episode) {
    this.motion = episode.motion ? new Motion(episode.motion) : null;
    this.cameras.load(source, episode);
    this.scene.centres = [null, null];
    const view = episode.cameras.length ? (this.motion ? "both" : "cameras") : "robot";
    document.body.dataset.view = view;
    document.body.dataset.alone = String(!(this.motion && this.motion.human));
    $("robot-title").textContent = this.facts.title + (episode.motion && episode.motion.in_place ? ", drawn in place: its base was not recorded" : "");
    const off = this.motion ? episode.motion.person_off_m : 0;
    $("person-title").textContent = off ? `Person, set on the floor: captured ${Math.abs(off).toFixed(2)} m ${off < 0 ? "below" : "above"} it` : "Person";
    this.face(0);
  }

  cycle() {
    if (!this.cameras.views.length || !this.motion) return;
    const views = ["both", "cameras", "robot"];
    document.body.dataset.view = views[(views.indexOf(document.body.dataset.view) + 1) % views.length];
  }

  /** Stand before the robot, a little to its left. */
  face(t) {
    if (!this.motion) return;
    const row = this.motion.at(t), [w, x, y, z] = row.subarray(4, 8);
    const yaw = Math.atan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z));
    Object.assign(this.scene.camera, { azimuth: yaw + 0.5, elevation: 0.16, distance: 4.3 });
  }

  draw(t) {
    if (document.body.dataset.view !== "robot") this.cameras.show(t);
    if (document.body.dataset.view === "cameras") return;
    const row = this.motion && this.motion.at(t);
    const human = row && this.motion.person(row);
    this.scene.draw({ human, bodies: row && bodyPoses(this.kinematics, row), red: NOBODY, ghost: NOBODY, alone: !human }, this.theme);
  }

  listen() {
    const canvas = $("scene"), camera = this.scene.camera;
    canvas.addEventListener("pointerdown", (e) => canvas.setPointerCapture(e.pointerId));
    canvas.addEventListener("pointermove", (e) => {
      if (!e.buttons) return;
      camera.azimuth -= 0.008 * e.movementX;
      camera.elevation = Math.min(1.5, Math.max(-0.05, camera.elevation + 0.006 * e.movementY));
    });
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      camera.distance = Math.min(15, Math.max(1.2, camera.distance * Math.exp(0.001 * e.deltaY)));
    }, { passive: false });
  }
}
