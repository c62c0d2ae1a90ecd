/* The strip under a clip: frames, motion with its peaks, sound with its onsets, and lines between
 * those that match, as Figure 4 of the paper has it. Without a view of the clip only the events
 * are drawn.
 *
 * Conventions: x is time, 0..WIDTH for the whole clip; full marks have a match, hollow ones none.
 */
"use strict";

svbench.strip = (() => {
  const { el, svg } = svbench;
  const WIDTH = 1000;
  const MOTION = { top: 8, bottom: 92 };
  const SOUND = { top: 128, bottom: 192 };
  const SHORT = { motion: { top: 8, bottom: 20 }, sound: { top: 56, bottom: 68 } };

  /** Tell which onsets and peaks lie less than one frame apart; as `svbench.metrics.av_align`. */
  function matches(onsets, peaks, fps) {
    const pairs = [];
    onsets.forEach((a, i) =>
      peaks.forEach((v, k) => {
        if (v - 1 / fps < a && a < v + 1 / fps) pairs.push([i, k]);
      }),
    );
    return pairs;
  }

  /** Say in words what a strip shows. */
  function words(onsets, peaks, pairs) {
    const heard = new Set(pairs.map(([i]) => i)).size;
    const seen = new Set(pairs.map(([, k]) => k)).size;
    return `${heard} of ${onsets.length} onsets have a motion peak, ${seen} of ${peaks.length} peaks have an onset`;
  }

  function motionCurve(motion, duration, box) {
    const most = Math.max(...motion.values, 1e-6) * 1.08;
    const y = (value) => box.bottom - ((box.bottom - box.top) * value) / most;
    const x = (time) => (WIDTH * time) / duration;
    const path = motion.values.map((v, i) => `${x(i / motion.fps).toFixed(1)},${y(v).toFixed(1)}`);
    const height = (time) => {
      const frame = Math.min(Math.round(time * motion.fps), motion.values.length - 1);
      return y(motion.values[frame]);
    };
    const line = svg("polyline", { points: path.join(" "), class: "motion" });
    return { line, height };
  }

  function soundCurve(envelope, box) {
    const loudest = Math.max(0.01, ...envelope.flat().map(Math.abs));
    const middle = (box.top + box.bottom) / 2;
    const scale = (box.bottom - box.top) / 2 / loudest;
    const step = WIDTH / envelope.length;
    const at = (i, v) => `${((i + 0.5) * step).toFixed(1)},${(middle - v * scale).toFixed(1)}`;
    const upper = envelope.map(([, high], i) => at(i, high));
    const lower = envelope.map(([low], i) => at(i, low)).reverse();
    return svg("polygon", { points: [...upper, ...lower].join(" "), class: "sound" });
  }

  /**
   * Draw one strip. `events` is {onsets, peaks} in seconds or null, `fps` a number or null (then
   * no matches are known), `view` what data/view-*.js says of the clip, or null.
   */
  function draw({ events, fps, view, motion, duration, label }) {
    const bare = !view;
    const boxes = bare ? SHORT : { motion: MOTION, sound: SOUND };
    const height = bare ? 76 : 200;
    const x = (time) => (WIDTH * time) / duration;
    const { onsets, peaks } = events || { onsets: [], peaks: [] };
    const pairs = fps ? matches(onsets, peaks, fps) : [];
    const heard = new Set(pairs.map(([i]) => i));
    const seen = new Set(pairs.map(([, k]) => k));
    const said = events ? words(onsets, peaks, pairs) : "its events are not known";

    const picture = svg("svg", {
      viewBox: `0 0 ${WIDTH} ${height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${label}: ${said}`,
      class: bare ? "short" : "full",
    });
    const bases = bare ? [boxes.motion.bottom, boxes.sound.bottom] : [boxes.motion.bottom];
    for (const y of bases) picture.append(svg("line", { x1: 0, x2: WIDTH, y1: y, y2: y, class: "rule" }));
    let peakHeight = () => boxes.motion.bottom;
    if (motion) {
      const curve = motionCurve(motion, duration, boxes.motion);
      picture.append(curve.line);
      peakHeight = curve.height;
    }
    if (view) picture.append(soundCurve(view.envelope, boxes.sound));
    for (const [i, k] of pairs) {
      const ends = { x1: x(peaks[k]), y1: peakHeight(peaks[k]), x2: x(onsets[i]), y2: boxes.sound.top };
      picture.append(svg("line", { ...ends, class: "match" }));
    }
    onsets.forEach((time, i) => {
      const place = { x1: x(time), x2: x(time), y1: boxes.sound.top, y2: boxes.sound.bottom };
      picture.append(svg("line", { ...place, class: heard.has(i) ? "onset" : "onset alone" }));
    });

    // Circles would be stretched with the picture, so peaks are elements of their own.
    const marks = peaks.map((time, k) => {
      const style = `left:${(100 * time) / duration}%;top:${(100 * peakHeight(time)) / height}%`;
      return el("i", { class: seen.has(k) ? "peak" : "peak alone", style });
    });
    const cursor = el("i", { class: "cursor" });
    const drawing = el("div", { class: "drawing" }, picture, marks);
    const frames = view
      ? el("img", { class: "frames", src: view.strip, alt: "", loading: "lazy", decoding: "async" })
      : null;
    const whole = el("div", { class: bare ? "strip bare" : "strip" }, frames, drawing, cursor);
    return { whole, cursor, said };
  }

  return { draw, matches, words };
})();
