/* The strip under a clip: frames, motion with its peaks, sound with its onsets, and lines between
 * those that match, as Figure 4 of the paper has it. Without a view of the clip only the events
 * are drawn, and without events only the sound.
 *
 * Conventions: x is time, 0..WIDTH for the whole clip; full marks have a match, hollow ones none,
 * grey ones may have: where a clip keeps its own frame rate it is known from its view alone.
 */
"use strict";

svbench.strip = (() => {
  const { el, meta, svg } = svbench;
  const WIDTH = 1000;
  const MOTION = { top: 8, bottom: 92 };
  const SOUND = { top: 128, bottom: 192 };
  const FULL = { motion: MOTION, sound: SOUND, height: 200 };
  const SHORT = { motion: { top: 8, bottom: 20 }, sound: { top: 56, bottom: 68 }, height: 76 };
  const SOUND_ONLY = { motion: null, sound: { top: 4, bottom: 72 }, height: 76 };

  /** Return the index pairs [onset, peak] that lie less than one frame apart, as in `svbench.metrics.avalign.score`. */
  function matches(onsets, peaks, fps) {
    const pairs = [];
    onsets.forEach((a, i) =>
      peaks.forEach((v, k) => {
        if (v - 1 / fps < a && a < v + 1 / fps) pairs.push([i, k]);
      }),
    );
    return pairs;
  }

  /** Return in words how many events of a strip match. */
  function words(onsets, peaks, pairs) {
    const withPeak = new Set(pairs.map(([i]) => i)).size;
    const withOnset = new Set(pairs.map(([, k]) => k)).size;
    return `${withPeak} of ${onsets.length} onsets have a motion peak, ${withOnset} of ${peaks.length} peaks have an onset`;
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

  function thumbnails(view) {
    const [width, height] = meta.shape; // of a frame, so that room is kept before it is loaded
    const style = `aspect-ratio:${view.thumbnails * width} / ${height}`;
    return el("img", { class: "frames", src: view.strip, alt: "", loading: "lazy", style });
  }

  /**
   * Draw one strip. `events` is {onsets, peaks} in seconds or null, `fps` a number or null (then
   * no matches are known), `view` the view of the clip in data/view-*.js, or null.
   */
  function draw({ events, fps, view, motion, duration, label }) {
    const boxes = !view ? SHORT : events || motion ? FULL : SOUND_ONLY;
    const height = boxes.height;
    const x = (time) => (WIDTH * time) / duration;
    const { onsets, peaks } = events || { onsets: [], peaks: [] };
    const pairs = fps ? matches(onsets, peaks, fps) : [];
    const matchedOnsets = new Set(pairs.map(([i]) => i));
    const matchedPeaks = new Set(pairs.map(([, k]) => k));
    const many = (list, what) => `${list.length} ${what}${list.length === 1 ? "" : "s"}`;
    const counted = `${many(onsets, "onset")}, ${many(peaks, "motion peak")}`;
    const summary = !events ? "the sound" : fps ? words(onsets, peaks, pairs) : counted;
    const kind = (matched) => (!fps ? "unknown" : matched ? "" : "alone");

    const picture = svg("svg", {
      viewBox: `0 0 ${WIDTH} ${height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${label}: ${summary}`,
      class: boxes === FULL ? "full" : "short",
    });
    const bases = !view ? [boxes.motion.bottom, boxes.sound.bottom] : boxes === FULL ? [MOTION.bottom] : [];
    for (const y of bases) picture.append(svg("line", { x1: 0, x2: WIDTH, y1: y, y2: y, class: "rule" }));
    let peakHeight = () => boxes.motion.bottom; // where no curve is known
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
      picture.append(svg("line", { ...place, class: `onset ${kind(matchedOnsets.has(i))}` }));
    });

    // Circles would be stretched with the picture, so peaks are elements of their own.
    const marks = peaks.map((time, k) => {
      const style = `left:${(100 * time) / duration}%;top:${(100 * peakHeight(time)) / height}%`;
      return el("i", { class: `peak ${kind(matchedPeaks.has(k))}`, style });
    });
    const cursor = el("i", { class: "cursor" });
    const drawing = el("div", { class: "drawing" }, picture, marks);
    const frames = view ? thumbnails(view) : null;
    const whole = el("div", { class: "strip" }, frames, drawing, cursor);
    return { whole, cursor, summary };
  }

  return { draw, matches, words };
})();
