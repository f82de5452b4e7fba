/* Server-sent events of an answer to fetch(): told(frame) for each, which returns true for the last one. */
(() => {
  "use strict";

  /** Resolves when the stream has ended, and says whether its last event came. Events come as blocks of
      lines with an empty line after each; a block may come in pieces. */
  window.eventsOf = async (response, told) => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let ended = false;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return ended;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const data = block.split("\n").find((line) => line.startsWith("data: "));
        if (data) ended = told(JSON.parse(data.slice(6))) || ended;
      }
    }
  };
})();
