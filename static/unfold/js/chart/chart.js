/* Stands before django-unfold's own file, 200 KB that every staff page would wait for: none of them draws with Chart.js. */
