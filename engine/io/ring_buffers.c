/* liburing 2.3 knows how to fill a buffer ring but not how to make one: memory from mmap (the
 * kernel wants it page aligned), then io_uring_register_buf_ring(). */
#include <sys/mman.h>
#include "engine/base/check.h"
#include "engine/io/ring_internal.h"

static uint8_t *buffer_at(const struct ring_buffers *buffers, uint32_t number)
{
	CHECK(number < buffers->count);
	return buffers->memory + (size_t)number * buffers->bytes;
}

static void *map(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void add(struct ring_buffers *buffers, uint32_t number, int offset)
{
	io_uring_buf_ring_add(buffers->shared, buffer_at(buffers, number), buffers->bytes,
		(unsigned short)number, io_uring_buf_ring_mask(buffers->count), offset);
}

int ring_buffers_init(struct ring_buffers *buffers, struct io_uring *uring, uint32_t count,
	uint32_t bytes)
{
	CHECK(count > 0 && count <= 32768 && (count & (count - 1)) == 0);
	CHECK(bytes > 0);
	*buffers = (struct ring_buffers){ .count = count, .bytes = bytes };
	buffers->shared_bytes = count * sizeof(struct io_uring_buf);
	buffers->shared = map(buffers->shared_bytes);
	buffers->memory = map((size_t)count * bytes);
	int error = buffers->shared == NULL || buffers->memory == NULL ? -ENOMEM : 0;
	if (error == 0) {
		struct io_uring_buf_reg registration = {
			.ring_addr = (uint64_t)(uintptr_t)buffers->shared,
			.ring_entries = count,
			.bgid = RING_BUFFER_GROUP,
		};
		error = io_uring_register_buf_ring(uring, &registration, 0);
	}
	if (error != 0) {
		ring_buffers_deinit(buffers, NULL);
		return error;
	}
	io_uring_buf_ring_init(buffers->shared);
	for (uint32_t i = 0; i < count; i++)
		add(buffers, i, (int)i);
	io_uring_buf_ring_advance(buffers->shared, (int)count);
	return 0;
}

void ring_buffers_deinit(struct ring_buffers *buffers, struct io_uring *uring)
{
	if (uring != NULL && buffers->shared != NULL)
		(void)io_uring_unregister_buf_ring(uring, RING_BUFFER_GROUP);
	if (buffers->shared != NULL)
		munmap(buffers->shared, buffers->shared_bytes);
	if (buffers->memory != NULL)
		munmap(buffers->memory, (size_t)buffers->count * buffers->bytes);
	*buffers = (struct ring_buffers){ 0 };
}

uint8_t *ring_buffers_take(struct ring_buffers *buffers, uint32_t flags)
{
	CHECK(flags & IORING_CQE_F_BUFFER);
	return buffer_at(buffers, flags >> IORING_CQE_BUFFER_SHIFT);
}

void ring_buffers_return(struct ring_buffers *buffers, uint32_t flags)
{
	CHECK(buffers->ours > 0);
	buffers->ours--;
	add(buffers, flags >> IORING_CQE_BUFFER_SHIFT, 0);
	io_uring_buf_ring_advance(buffers->shared, 1);
}
