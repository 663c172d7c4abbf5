/* The least that a TFTP server can do on Linux: what others are measured against.
 *
 *   floor HOST PORT NAME FILE [NAME FILE]...
 *
 * One thread, one epoll, a connected socket for each transfer, packets made beforehand,
 * one call for each ACK. No server to use: it knows the files it was told, believes what
 * it is sent, and resends after a fixed time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 4, MOST_SEGMENTS = 64, LARGEST_BURST = 65000 };

struct image {
    const char *name, *path;
    int block_size;
    uint8_t *packets;
    size_t size, length;
    uint32_t last;
    struct image *next;
};

struct transfer {
    int socket, window, copies;
    struct image *image;
    uint32_t acknowledged, sent; /* blocks; both 0 while the OACK is underway */
    uint8_t oack[100];
    size_t oack_length;
    double sent_at;
    struct transfer *next, **here;
};

static struct image *images;
static struct transfer *transfers;
static struct sockaddr_in own;
static int poller;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void make_packets(struct image *image)
{
    struct stat status;
    int file = open(image->path, O_RDONLY);
    if (file < 0 || fstat(file, &status) < 0) {
        perror(image->path);
        exit(2);
    }
    image->size = (size_t)status.st_size;
    image->last = (uint32_t)(image->size / (size_t)image->block_size + 1);
    image->packets = malloc(image->size + (size_t)HEADER * image->last);
    for (uint32_t block = 1; block <= image->last; block++) {
        uint8_t *packet = image->packets + image->length;
        memcpy(packet, (uint8_t[]){0, 3, (uint8_t)(block >> 8), (uint8_t)block}, HEADER);
        ssize_t length = read(file, packet + HEADER, (size_t)image->block_size);
        image->length += HEADER + (size_t)(length > 0 ? length : 0);
    }
    close(file);
}

static struct image *find(const char *name, int block_size)
{
    struct image *known = 0;
    for (struct image *image = images; image; image = image->next) {
        if (strcmp(image->name, name))
            continue;
        if (image->block_size == block_size)
            return image;
        known = image;
    }
    if (!known || block_size < 8)
        return 0;
    struct image *image = calloc(1, sizeof *image);
    *image = (struct image){known->name, known->path, block_size, 0, 0, 0, 0, images};
    make_packets(image);
    return images = image;
}

static void end(struct transfer *transfer)
{
    close(transfer->socket);
    *transfer->here = transfer->next;
    if (transfer->next)
        transfer->next->here = transfer->here;
    free(transfer);
}

static void send_window(struct transfer *transfer)
{
    struct image *image = transfer->image;
    size_t packet = (size_t)image->block_size + HEADER, most = LARGEST_BURST / packet;
    transfer->sent = transfer->acknowledged + (uint32_t)transfer->window;
    if (transfer->sent > image->last)
        transfer->sent = image->last;
    size_t start = transfer->acknowledged * packet, stop = transfer->sent * packet;
    if (stop > image->length)
        stop = image->length;
    size_t burst = packet * (transfer->window == 1 ? 1 : most < MOST_SEGMENTS ? most : MOST_SEGMENTS);
    for (; start < stop; start += burst)
        send(transfer->socket, image->packets + start, stop - start < burst ? stop - start : burst, 0);
    transfer->sent_at = now();
}

static void send_again(struct transfer *transfer)
{
    if (transfer->sent)
        return send_window(transfer);
    send(transfer->socket, transfer->oack, transfer->oack_length, 0);
    transfer->sent_at = now();
}

static void grant(struct transfer *transfer, const char *option, long value)
{
    char *end_of_oack = (char *)transfer->oack + transfer->oack_length;
    transfer->oack_length += (size_t)sprintf(end_of_oack, "%s%c%ld", option, 0, value) + 1;
}

static void begin(struct image *image, int window, char *option, char *end_of_request,
                  const struct sockaddr_in *client)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = transfer};
    struct sockaddr_in here = own;
    int segment = image->block_size + HEADER, buffer = 1 << 20;
    here.sin_port = 0;
    transfer->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    bind(transfer->socket, (struct sockaddr *)&here, sizeof here);
    connect(transfer->socket, (const struct sockaddr *)client, sizeof *client);
    transfer->image = image, transfer->window = window;
    transfer->next = transfers, transfer->here = &transfers;
    if (transfers)
        transfers->here = &transfer->next;
    transfers = transfer;
    epoll_ctl(poller, EPOLL_CTL_ADD, transfer->socket, &event);
    memcpy(transfer->oack, "\0\6", transfer->oack_length = 2);
    while (option < end_of_request) {
        char *value = option + strlen(option) + 1;
        if (!strcasecmp(option, "tsize"))
            grant(transfer, option, (long)image->size);
        if (!strcasecmp(option, "blksize"))
            grant(transfer, option, image->block_size);
        if (!strcasecmp(option, "windowsize"))
            grant(transfer, option, window);
        option = value + strlen(value) + 1;
    }
    if (window > 1) {
        setsockopt(transfer->socket, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
        setsockopt(transfer->socket, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    }
    if (transfer->oack_length > 2)
        send_again(transfer);
    else
        send_window(transfer);
}

static void take_requests(int port_69)
{
    static char request[2049];
    static const char not_found[] = "\0\5\0\1No such file";
    struct sockaddr_in client;
    socklen_t size = sizeof client;
    ssize_t length;
    while ((length = recvfrom(port_69, request, sizeof request - 1, 0,
                              (struct sockaddr *)&client, &size)) > 0) {
        char *end_of_request = request + length, *name = request + 2;
        char *option = name + strlen(name) + 1;
        int block_size = 512, window = 1;
        *end_of_request = 0;
        option += strlen(option) + 1; /* the mode */
        for (char *word = option; word < end_of_request;) {
            char *value = word + strlen(word) + 1;
            if (!strcasecmp(word, "blksize"))
                block_size = atoi(value);
            if (!strcasecmp(word, "windowsize"))
                window = atoi(value);
            word = value + strlen(value) + 1;
        }
        struct image *image = find(name, block_size);
        if (image)
            begin(image, window, option, end_of_request, &client);
        else
            sendto(port_69, not_found, sizeof not_found, 0, (struct sockaddr *)&client, size);
    }
}

static void take_answer(struct transfer *transfer)
{
    uint8_t packet[64];
    ssize_t length = recv(transfer->socket, packet, sizeof packet, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length < 4 || packet[1] != 4)
        return end(transfer);
    uint16_t count = (uint16_t)((packet[2] << 8 | packet[3]) - transfer->acknowledged);
    uint32_t underway = transfer->sent - transfer->acknowledged;
    if (count > underway)
        return;
    if (count == underway && transfer->sent == transfer->image->last)
        return end(transfer);
    /* A copy of an ACK says nothing, save that a window did not arrive whole. */
    if (count == 0 && underway && (transfer->window == 1 || now() - transfer->sent_at < 0.004))
        return;
    transfer->acknowledged += count;
    transfer->copies = 0;
    send_window(transfer);
}

static void look_at_the_clock(void)
{
    double time = now();
    for (struct transfer *transfer = transfers, *next; transfer; transfer = next) {
        next = transfer->next;
        if (time - transfer->sent_at < 0.2 * (1 << transfer->copies))
            continue;
        if (++transfer->copies > 7)
            end(transfer);
        else
            send_again(transfer);
    }
}

int main(int count, char **words)
{
    if (count < 5 || count % 2 == 0)
        return fprintf(stderr, "see the head of floor.c\n"), 2;
    int buffer = 4 << 20, port_69 = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    own.sin_family = AF_INET;
    own.sin_port = htons((uint16_t)atoi(words[2]));
    inet_aton(words[1], &own.sin_addr);
    setsockopt(port_69, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    if (bind(port_69, (struct sockaddr *)&own, sizeof own) < 0)
        return perror("floor"), 2;
    for (int i = 3; i < count; i += 2) {
        struct image *image = calloc(1, sizeof *image);
        *image = (struct image){words[i], words[i + 1], 512, 0, 0, 0, 0, images};
        make_packets(image);
        images = image;
    }
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = 0}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, port_69, &event);
    for (double looked = now();;) {
        int ready = epoll_wait(poller, events, 256, 20);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr)
                take_answer(events[i].data.ptr);
            else
                take_requests(port_69);
        }
        if (now() - looked > 0.02) {
            look_at_the_clock();
            looked = now();
        }
    }
}
