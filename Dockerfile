# docjobs in a container: `docker build -t docjobs .`, then
# `docker run --rm --env-file docjobs.env docjobs sync --destination postgres`.
# The cursor is in the warehouse, so nothing in here has to be kept from one run to the next.
FROM python:3.12-slim

COPY . /src
RUN python -m pip install --no-cache-dir '/src[postgres]' && rm -rf /src

# nobody in particular: a platform may run it as any other user, without a home
RUN useradd --create-home --uid 10001 docjobs
USER docjobs
WORKDIR /home/docjobs
ENV DLT_DATA_DIR=/tmp/docjobs PYTHONUNBUFFERED=1

# a sync ends well on SIGTERM: give it a minute (`docker stop --time 60`)
ENTRYPOINT ["docjobs"]
CMD ["sync"]
