// The rows of a ranked list: a NiceGUI component, since an element of its own for every bar, name and number of a page
// cost the server more than the rest of the page. A pressed row is heard by the list around it (data-value).

export default {
  template: `<div class="lines">
    <button v-for="([name, number, share, width, title, isStill, flag], index) in rows" :key="index" type="button"
      class="row0" :class="{ still: isStill }" :data-value="index" :title="title">
      <span class="b" :style="{ width }"></span>
      <img v-if="flag" class="flag" :src="flag" alt="">
      <span class="n">{{ name }}</span><span class="c">{{ number }}</span><span class="p">{{ share }}</span>
    </button>
  </div>`,
  props: { rows: Array },
};
