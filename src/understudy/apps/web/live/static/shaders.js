// GLSL of the scene: shapes fixed to a body, capsules between two joints, shadows pressed on the floor, and the floor.

const SHADOW = `
uniform float u_shadow;
const vec3 SUN = normalize(vec3(0.42, 0.34, 0.84));
vec3 pressed(vec3 world) {
  return u_shadow > 0.5 ? vec3(world.xy - world.z * SUN.xy / SUN.z, 0.002) : world;
}`;

export const MESH = `#version 300 es
in vec3 a_pos;
in vec3 a_normal;
uniform mat4 u_view, u_model;
out vec3 v_normal, v_world;
${SHADOW}
void main() {
  v_normal = mat3(u_model) * a_normal;
  v_world = pressed((u_model * vec4(a_pos, 1.0)).xyz);
  gl_Position = u_view * vec4(v_world, 1.0);
}`;

export const CAPSULE = `#version 300 es
in vec3 a_pos;
in vec3 a_normal;
uniform mat4 u_view;
uniform vec3 u_from, u_to;
uniform vec2 u_radius;
out vec3 v_normal, v_world;
${SHADOW}
void main() {
  vec3 along = u_to - u_from;
  vec3 w = length(along) > 1e-5 ? normalize(along) : vec3(0.0, 0.0, 1.0);
  vec3 u = normalize(cross(abs(w.z) < 0.9 ? vec3(0.0, 0.0, 1.0) : vec3(1.0, 0.0, 0.0), w));
  vec3 n = mat3(u, cross(w, u), w) * a_normal;
  bool top = a_pos.z > 0.5;
  v_normal = n;
  v_world = pressed((top ? u_to : u_from) + (top ? u_radius.y : u_radius.x) * n);
  gl_Position = u_view * vec4(v_world, 1.0);
}`;

export const LIT = `#version 300 es
precision highp float;
in vec3 v_normal, v_world;
uniform vec4 u_colour;
uniform vec3 u_eye, u_shade;
uniform float u_glow;
out vec4 colour;
${SHADOW}
void main() {
  if (u_shadow > 0.5) { colour = vec4(u_shade, u_colour.a); return; }
  vec3 n = normalize(v_normal), eye = normalize(u_eye - v_world);
  if (dot(n, eye) < 0.0) n = -n;
  float sun = max(dot(n, SUN), 0.0), fill = max(dot(n, normalize(vec3(-0.6, -0.5, 0.3))), 0.0);
  float shine = pow(max(dot(n, normalize(SUN + eye)), 0.0), 28.0);
  float rim = pow(1.0 - max(dot(n, eye), 0.0), 3.0);
  vec3 light = mix(vec3(0.36, 0.36, 0.40), vec3(0.60, 0.62, 0.66), 0.5 + 0.5 * n.z) + sun * vec3(0.52, 0.51, 0.48) + 0.12 * fill;
  vec3 lit = u_colour.rgb * light + 0.16 * shine + 0.07 * rim;
  colour = vec4(mix(lit, u_colour.rgb * 1.06, u_glow), u_colour.a);
}`;

export const FLOOR = `#version 300 es
in vec2 a_pos;
uniform mat4 u_view;
uniform vec2 u_centre;
out vec2 v_at;
void main() {
  v_at = u_centre + 14.0 * a_pos;
  gl_Position = u_view * vec4(v_at, 0.0, 1.0);
}`;

export const GRID = `#version 300 es
precision highp float;
in vec2 v_at;
uniform vec2 u_centre;
uniform vec3 u_floor, u_line, u_sky;
out vec4 colour;
float lines(vec2 at, float width) {
  vec2 w = fwidth(at);
  vec2 d = abs(fract(at - 0.5) - 0.5) / max(w, vec2(1e-5));
  vec2 kept = clamp(0.35 / max(w, vec2(1e-5)), 0.0, 1.0);
  return max(kept.x * (1.0 - clamp(d.x - width, 0.0, 1.0)), kept.y * (1.0 - clamp(d.y - width, 0.0, 1.0)));
}
void main() {
  float near = 1.0 - smoothstep(1.8, 8.0, length(v_at - u_centre));
  vec3 ground = mix(u_floor, u_line, 0.45 * lines(2.0 * v_at, 0.0));
  ground = mix(ground, u_line, 0.9 * lines(v_at, 0.25));
  colour = vec4(mix(u_sky, ground, near), 1.0);
}`;
