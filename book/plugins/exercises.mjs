// MyST's own exercises, numbered by their labels (exercise-3.1), with what rgwidgets knows of them.
import { read } from "./stage.mjs";

const NUMBERED = /^exercise-(\d+\.\d+)$/;

export const exercises = {
  name: "exercises",
  stage: "document",
  plugin: (_, utils) => (tree, file) => {
    const known = read("exercises.json", { exercises: {} }).exercises;
    for (const node of utils.selectAll("exercise", tree)) {
      const id = NUMBERED.exec(node.label ?? "")?.[1];
      if (!id) {
        file.message("an exercise is labelled by its number: exercise-3.1", node.position).fatal = true;
        continue;
      }
      const rule = known[id];
      node.enumerator = id;
      if (rule) node.check = { id, expects: rule.expects, choices: rule.choices ?? [], hints: rule.hints };
    }
  },
};
